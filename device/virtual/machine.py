"""Machines that run the emulated device: started once, found again, stopped by their own pid.

Each has a lock of its own, so that several start at the same time.
"""

import shutil
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from taskzip.contracts.progress import Progress, progress_bar
from taskzip.device.virtual.boot import boot
from taskzip.device.virtual.command import MachineFiles
from taskzip.device.virtual.endpoint import answers
from taskzip.device.virtual.errors import OtherPort
from taskzip.device.virtual.image import Image, build_image
from taskzip.device.virtual.lock import locked, locked_if_free
from taskzip.device.virtual.process import terminate, terminate_started
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.programs import find_program
from taskzip.device.virtual.state import (
    RunningMachine,
    machine_files,
    machines_folder,
    read_running,
)

_ANSWER_SECONDS = 20.0


def start(profile: Profile, progress: Progress, port: int | None = None) -> RunningMachine:
    """The machine of that profile: the running one, else a new one that already answers.

    `port` is the port of 127.0.0.1 to listen on; without it a free one is taken.
    Raises ProgramMissing, ImageBuildFailed, PortInUse or BootFailed.
    """
    find_program("qemu-system-aarch64")
    image = build_image(progress)
    files = machine_files(profile)
    _remove_remains()
    with _no_other_changes(files, progress):
        running = read_running(files)
        if running and _is_usable(running, image, port):
            return running
        if running:
            progress.step("Restarting the emulated device: it does not answer, or is outdated")
            terminate(running.pid, files)
        _remove(files)
        return _boot(profile, image, files, port, progress)


def stop(machine: RunningMachine, progress: Progress) -> None:
    """End that machine; nothing happens when it has ended already."""
    with _no_other_changes(machine.files, progress):
        terminate(machine.pid, machine.files)
        if read_running(machine.files) is None:
            _remove(machine.files)
    _remove_remains()


def list_running() -> tuple[RunningMachine, ...]:
    """All machines of this user that run, the oldest first."""
    folders = (state.parent for state in machines_folder().glob("*/machine.json"))
    found = (read_running(MachineFiles(folder)) for folder in folders)
    return tuple(sorted(filter(None, found), key=lambda machine: machine.started_at))


def _lock(files: MachineFiles) -> Path:
    return files.folder.with_name(f"{files.folder.name}.lock")


def _no_other_changes(files: MachineFiles, progress: Progress) -> AbstractContextManager[None]:
    return locked(_lock(files), progress, "starts or stops this emulated device")


def _remove_remains() -> None:
    """Remove what is left of machines that ended, but not of those that just start or stop."""
    for folder in machines_folder().glob("*/"):
        files = MachineFiles(folder)
        with locked_if_free(_lock(files)) as is_free:
            if is_free and read_running(files) is None:
                _remove(files)


def _remove(files: MachineFiles) -> None:
    """Remove the folder of a machine that ended, and end one whose start was interrupted."""
    terminate_started(files)
    if files.folder.exists():
        shutil.rmtree(files.folder)


def _is_usable(machine: RunningMachine, image: Image, port: int | None) -> bool:
    if port is not None and port != machine.port:
        raise OtherPort(port, machine.serial)
    return machine.image == image.recipe and answers(machine.port, _ANSWER_SECONDS)


def _boot(
    profile: Profile, image: Image, files: MachineFiles, port: int | None, progress: Progress
) -> RunningMachine:
    began = time.monotonic()
    files.folder.mkdir(parents=True)
    with progress_bar(progress, f"Starting the emulated ARM device ({profile.clock} clock)"):
        try:
            pid, taken = boot(profile, image, files, port, progress)
        except BaseException:
            terminate_started(files)
            raise
    machine = RunningMachine(
        pid=pid,
        port=taken,
        profile=profile,
        image=image.recipe,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    machine.write(files.state)
    progress.step(f"{machine.serial} answers after {time.monotonic() - began:.1f} s")
    return machine
