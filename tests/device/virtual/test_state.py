import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.virtual.command import MachineFiles
from taskzip.device.virtual.machine import list_running, stop
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine, is_ours, machine_files, read_running

PROFILE = Profile(clock="real", label="state")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKZIP_CACHE_DIR", str(tmp_path / "a cache"))


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with machines."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=PIPE) as process:
        yield process


def recorded(pid: int) -> RunningMachine:
    machine = RunningMachine(
        pid=pid, port=5001, profile=PROFILE, image="recipe", started_at="2026-01-01T00:00:00.000Z"
    )
    machine.write(machine.files.state)
    return machine


def test_a_machine_is_read_as_it_was_written() -> None:
    machine = recorded(os.getpid())
    assert RunningMachine.read(machine.files.state) == machine
    assert machine.serial == "127.0.0.1:5001"


def test_a_process_is_ours_when_it_was_started_with_the_machines_pid_file() -> None:
    files = machine_files(PROFILE)
    program = [sys.executable, "-c", "input(print(flush=True))", "-pidfile", str(files.pid)]
    with subprocess.Popen(program, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # it runs: before, the kernel may not show its arguments yet
        assert is_ours(process.pid, files)
        assert not is_ours(process.pid, MachineFiles(files.folder.with_name("other")))
        process.communicate(b"\n")
    assert not is_ours(process.pid, files)


def test_a_pid_that_now_is_another_program_is_no_machine(
    bystander: subprocess.Popen[bytes],
) -> None:
    machine = recorded(bystander.pid)
    assert read_running(machine.files) is None
    assert list_running() == ()


def test_stopping_a_machine_whose_pid_is_another_program_now_spares_it(
    bystander: subprocess.Popen[bytes],
) -> None:
    machine = recorded(bystander.pid)
    stop(machine, Silent())
    assert bystander.poll() is None
    assert not machine.files.folder.exists()


def test_a_damaged_state_is_no_machine() -> None:
    files = machine_files(PROFILE)
    files.folder.mkdir(parents=True)
    files.state.write_text("{")
    assert read_running(files) is None


def test_no_machines_where_none_was_started() -> None:
    assert list_running() == ()
