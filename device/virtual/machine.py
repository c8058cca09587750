"""Machines that run the emulated device: started once, found again, stopped by their own pid."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from taskzip.contracts.progress import Progress, progress_bar
from taskzip.device.virtual.accelerator import choose_accelerator, this_host
from taskzip.device.virtual.command import MachineFiles, qemu_command
from taskzip.device.virtual.endpoint import answers, free_port
from taskzip.device.virtual.errors import BootFailed, OtherPort, PortInUse
from taskzip.device.virtual.filesystem import make_ext4
from taskzip.device.virtual.flash import flash_content
from taskzip.device.virtual.image import Image, build_image
from taskzip.device.virtual.lock import locked
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.programs import find_program
from taskzip.device.virtual.state import (
    RunningMachine,
    is_ours,
    machine_files,
    machines_folder,
    read_running,
)

BOOT_LIMIT_SECONDS = 180
"""Generous: a boot takes seconds, but shares the computer with whatever else runs there."""

_ANSWER_SECONDS = 20.0
_LAUNCH_SECONDS = 60
_PORT_ATTEMPTS = 8
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_LISTENING = b"taskzip: listening"
_PORT_TAKEN = "Could not set up host forwarding rule"


def start(profile: Profile, progress: Progress, port: int | None = None) -> RunningMachine:
    """The machine of that profile: the running one, else a new one that already answers.

    `port` is the port of 127.0.0.1 to listen on; without it a free one is taken.
    Raises ProgramMissing, ImageBuildFailed, PortInUse or BootFailed.
    """
    find_program("qemu-system-aarch64")
    image = build_image(progress)
    files = machine_files(profile)
    with _no_other_changes(progress):
        running = read_running(files)
        if running and _is_usable(running, image, port):
            return running
        if running:
            progress.step("Restarting the emulated device: it does not answer, or is outdated")
            _terminate(running.pid, files)
        _remove_remains()
        return _boot(profile, image, files, port, progress)


def stop(machine: RunningMachine, progress: Progress) -> None:
    """End that machine; nothing happens when it has ended already."""
    with _no_other_changes(progress):
        _terminate(machine.pid, machine.files)
        _remove_remains()


def list_running() -> tuple[RunningMachine, ...]:
    """All machines of this user that run, the oldest first."""
    folders = (state.parent for state in machines_folder().glob("*/machine.json"))
    found = (read_running(MachineFiles(folder)) for folder in folders)
    return tuple(sorted(filter(None, found), key=lambda machine: machine.started_at))


def _no_other_changes(progress: Progress) -> AbstractContextManager[None]:
    lock = machines_folder().with_name("machines.lock")
    return locked(lock, progress, "starts or stops an emulated device")


def _remove_remains() -> None:
    """Remove the folders of machines that ended, and end those whose start was interrupted."""
    for folder in machines_folder().glob("*/"):
        files = MachineFiles(folder)
        if read_running(files) is None:
            _terminate_started(files)
            shutil.rmtree(folder)


def _is_usable(machine: RunningMachine, image: Image, port: int | None) -> bool:
    if port is not None and port != machine.port:
        raise OtherPort(port, machine.serial)
    return machine.image == image.recipe and answers(machine.port, _ANSWER_SECONDS)


def _boot(
    profile: Profile, image: Image, files: MachineFiles, port: int | None, progress: Progress
) -> RunningMachine:
    files.folder.mkdir(parents=True)
    files.boot_log.touch()
    with progress_bar(progress, f"Starting the emulated ARM device ({profile.clock} clock)"):
        try:
            taken = _launch(profile, image, files, port)
            pid = int(files.pid.read_text())
            _await_answer(pid, taken, files)
        except BaseException:
            _terminate_started(files)
            raise
    machine = RunningMachine(
        pid=pid,
        port=taken,
        profile=profile,
        image=image.recipe,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    machine.write(files.state)
    return machine


def _launch(profile: Profile, image: Image, files: MachineFiles, port: int | None) -> int:
    """Start QEMU with a new flash; returns the port it listens on."""
    try:
        _make_flash(profile, image, files)
        return _run_qemu(profile, image, files, port)
    finally:  # QEMU has them open or has read them: their space is freed when QEMU ends
        files.disk.unlink(missing_ok=True)
        files.initramfs.unlink(missing_ok=True)


def _make_flash(profile: Profile, image: Image, files: MachineFiles) -> None:
    if profile.clock == "counted":
        content = flash_content(profile.disk_mib)
        files.initramfs.write_bytes(image.initramfs.read_bytes() + content)
    else:
        make_ext4(files.disk, profile.disk_mib * 1024)


def _run_qemu(profile: Profile, image: Image, files: MachineFiles, port: int | None) -> int:
    """Start QEMU, which binds the port itself: a free one may be gone by then, so try others."""
    accelerator = choose_accelerator(this_host())
    for _ in range(1 if port else _PORT_ATTEMPTS):
        taken = port or free_port()
        command = qemu_command(profile, image, files, taken, accelerator)
        done = subprocess.run(
            [find_program(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LAUNCH_SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return taken
        if _PORT_TAKEN not in done.stderr:
            raise BootFailed(f"QEMU ended with exit code {done.returncode}", done.stderr)
    raise PortInUse(taken)


def _await_answer(pid: int, port: int, files: MachineFiles) -> None:
    """Return when adbd answers; BootFailed when the machine ended or took too long."""
    limit = time.monotonic() + BOOT_LIMIT_SECONDS
    while time.monotonic() < limit:
        if not is_ours(pid, files):
            raise BootFailed("the machine ended while it started", _boot_log(files))
        if _LISTENING in files.boot_log.read_bytes() and answers(port, _ANSWER_SECONDS):
            return
        time.sleep(_POLL_SECONDS)
    raise BootFailed(f"no answer within {BOOT_LIMIT_SECONDS} s", _boot_log(files))


def _boot_log(files: MachineFiles) -> str:
    return files.boot_log.read_text(errors="replace")


def _terminate_started(files: MachineFiles) -> None:
    """End the machine whose pid QEMU wrote there, if it wrote one."""
    with contextlib.suppress(OSError, ValueError):
        _terminate(int(files.pid.read_text()), files)


def _terminate(pid: int, files: MachineFiles) -> None:
    """Ask the process to end, insist after a while; never touches a process that is not ours."""
    try:
        process = os.pidfd_open(pid)  # names this process even if its number is used again
    except ProcessLookupError:
        return
    try:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if not is_ours(pid, files):
                return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, sign)
            if select.select([process], [], [], _STOP_SECONDS)[0]:
                return
    finally:
        os.close(process)
