"""What tests of several rooms share: one emulated device for a worker's whole run."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from taskzip.contracts.progress import Silent
from taskzip.device.virtual.machine import start, stop
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine

settings.register_profile("taskzip", deadline=None)  # how long a case takes is the host's affair
settings.load_profile("taskzip")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is left with one of them at the end."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if "end_to_end" in item.path.parts:
        return 0
    return 2 if item.get_closest_marker("device") is None else 1


@pytest.fixture(scope="session")
def virtual_machine() -> Iterator[RunningMachine]:
    """A device with the counted clock that is this run's own; a user's is not touched."""
    profile = Profile(clock="counted", label=f"test-{os.getpid()}")
    machine = start(profile, Silent())
    yield machine
    stop(machine, Silent())
