"""What tests of several rooms share: one emulated device for the whole run."""

import os
from collections.abc import Iterator

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.virtual.machine import start, stop
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine


@pytest.fixture(scope="session")
def virtual_machine() -> Iterator[RunningMachine]:
    """A device with the counted clock that is this run's own; a user's is not touched."""
    profile = Profile(clock="counted", label=f"test-{os.getpid()}")
    machine = start(profile, Silent())
    yield machine
    stop(machine, Silent())
