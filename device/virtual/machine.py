"""Machines that run the emulated device: started once, found again, stopped by their own pid."""

import contextlib
import os
import platform
import select
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from taskzip.contracts.progress import Progress, progress_bar
from taskzip.device.virtual.command import MachineFiles, qemu_command
from taskzip.device.virtual.endpoint import answers, free_port
from taskzip.device.virtual.errors import BootFailed, OtherPort, PortInUse
from taskzip.device.virtual.image import Image, build_image
from taskzip.device.virtual.lock import locked
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.programs import find_program, run_step
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
    with locked(_lock(files), progress, "starts or stops the same emulated device"):
        running = read_running(files)
        if running and _is_usable(running, image, port):
            return running
        if running:
            progress.step("Restarting the emulated device: it does not answer, or is outdated")
            _terminate(running.pid, files)
        return _boot(profile, image, files, port, progress)


def stop(machine: RunningMachine, progress: Progress) -> None:
    """End that machine; nothing happens when it has ended already."""
    with locked(_lock(machine.files), progress, "starts or stops the same emulated device"):
        _terminate(machine.pid, machine.files)
        machine.files.state.unlink(missing_ok=True)


def list_running() -> tuple[RunningMachine, ...]:
    """All machines of this user that run, the oldest first."""
    folders = (state.parent for state in machines_folder().glob("*/machine.json"))
    found = (read_running(MachineFiles(folder)) for folder in folders)
    return tuple(sorted(filter(None, found), key=lambda machine: machine.started_at))


def _lock(files: MachineFiles) -> Path:
    return files.folder.with_name(f"{files.folder.name}.lock")


def _is_usable(machine: RunningMachine, image: Image, port: int | None) -> bool:
    if port is not None and port != machine.port:
        raise OtherPort(port, machine.serial)
    return machine.image == image.recipe and answers(machine.port, _ANSWER_SECONDS)


def _boot(
    profile: Profile, image: Image, files: MachineFiles, port: int | None, progress: Progress
) -> RunningMachine:
    files.folder.mkdir(parents=True, exist_ok=True)
    files.boot_log.write_bytes(b"")
    with progress_bar(progress, f"Starting the emulated ARM device ({profile.clock} clock)"):
        _make_disk(files.disk, profile.disk_mib)
        try:
            taken = _launch(profile, image, files, port)
        finally:
            files.disk.unlink()  # QEMU has it open: its space is freed when QEMU ends
        pid = int(files.pid.read_text())
        try:
            _await_answer(pid, taken, files)
        except BaseException:
            _terminate(pid, files)
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


def _make_disk(file: Path, mib: int) -> None:
    """An empty ext4 disk that takes space only as it fills; without a journal's own writes."""
    file.unlink(missing_ok=True)
    run_step(
        "making the device's disk",
        ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", file, f"{mib}M"],
    )


def _launch(profile: Profile, image: Image, files: MachineFiles, port: int | None) -> int:
    """Start QEMU, which binds the port itself; another free port is tried if it was faster gone."""
    for _ in range(1 if port else _PORT_ATTEMPTS):
        taken = port or free_port()
        command = qemu_command(profile, image, files, taken, has_kvm())
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


def has_kvm() -> bool:
    """Whether this computer runs arm64 programs itself and lets us use that."""
    return platform.machine() in ("aarch64", "arm64") and os.access("/dev/kvm", os.R_OK | os.W_OK)


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
