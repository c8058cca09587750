"""What tests of several rooms share: one emulated device for the whole run."""

import os
from collections.abc import Iterator

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.virtual.machine import start, stop
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers: the longest first; a file on one worker, and the emulated device."""
    items.sort(key=_turn)
    for item in items:
        group = "device" if _turn(item) == _DEVICE else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


_EXAMPLE, _DEVICE, _OTHER = range(3)


def _turn(item: pytest.Item) -> int:
    if "end_to_end" in item.path.parts:
        return _EXAMPLE
    return _OTHER if item.get_closest_marker("device") is None else _DEVICE


@pytest.fixture(scope="session")
def virtual_machine() -> Iterator[RunningMachine]:
    """A device with the counted clock that is this run's own; a user's is not touched."""
    profile = Profile(clock="counted", label=f"test-{os.getpid()}")
    machine = start(profile, Silent())
    yield machine
    stop(machine, Silent())
