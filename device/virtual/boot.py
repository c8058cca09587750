"""Starting QEMU: from the state of an equal machine that has booted, else with a boot."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from taskzip.contracts.progress import Progress
from taskzip.device.virtual.accelerator import choose_accelerator, this_host
from taskzip.device.virtual.command import MachineFiles, qemu_command
from taskzip.device.virtual.endpoint import answers, free_port, set_clock
from taskzip.device.virtual.errors import BootFailed, PortInUse
from taskzip.device.virtual.filesystem import make_ext4
from taskzip.device.virtual.flash import flash_content
from taskzip.device.virtual.image import Image
from taskzip.device.virtual.lock import locked
from taskzip.device.virtual.process import terminate_started
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.programs import find_program
from taskzip.device.virtual.saved import (
    copy_flash,
    forget_state,
    incoming,
    kept_flash,
    save_state,
    state_file,
)
from taskzip.device.virtual.state import is_ours

BOOT_LIMIT_SECONDS = 180
"""Generous: a boot takes seconds, but shares the computer with whatever else runs there."""

_ANSWER_SECONDS = 20.0
_LAUNCH_SECONDS = 60
_PORT_ATTEMPTS = 8
_POLL_SECONDS = 0.05
_LISTENING = b"taskzip: listening"
_PORT_TAKEN = "Could not set up host forwarding rule"


def boot(
    profile: Profile, image: Image, files: MachineFiles, port: int | None, progress: Progress
) -> tuple[int, int]:
    """The process and the port of a new machine that answers; PortInUse or BootFailed."""
    try:
        return _boot(profile, image, files, port, progress)
    finally:  # QEMU has them open or has read them: their space is freed when QEMU ends
        files.disk.unlink(missing_ok=True)
        files.initramfs.unlink(missing_ok=True)


def _boot(
    profile: Profile, image: Image, files: MachineFiles, port: int | None, progress: Progress
) -> tuple[int, int]:
    state = state_file(profile, image)
    if state is not None and state.exists():
        try:
            return _go_on_from(state, profile, image, files, port)
        except (BootFailed, OSError) as error:
            progress.step(f"Starting anew, for the saved state cannot be used: {error}")
            terminate_started(files)
            forget_state(state)
    _make_flash(profile, image, files)
    if state is None:
        pid, taken = _launch(profile, image, files, port, ())
        _await_listening(pid, files)
    else:
        pid, taken = _start_and_save(state, profile, image, files, port, progress)
    _await_answer(pid, taken, files)
    return pid, taken


def _go_on_from(
    state: Path, profile: Profile, image: Image, files: MachineFiles, port: int | None
) -> tuple[int, int]:
    if profile.clock == "real":
        copy_flash(kept_flash(state), files.disk)
    else:
        _make_flash(profile, image, files)
    pid, taken = _launch(profile, image, files, port, incoming(state))
    _await_answer(pid, taken, files)
    set_clock(taken, time.time())
    return pid, taken


def _start_and_save(  # noqa: PLR0913, PLR0917  # what a machine is made of, and where its state goes
    state: Path,
    profile: Profile,
    image: Image,
    files: MachineFiles,
    port: int | None,
    progress: Progress,
) -> tuple[int, int]:
    with TemporaryDirectory(prefix="taskzip-") as folder:  # a socket's path must be short
        socket = Path(folder) / "qmp"
        more = ("-qmp", f"unix:{socket},server=on,wait=off")
        pid, taken = _launch(profile, image, files, port, more)
        _await_listening(pid, files)
        try:
            with locked(state.parent.with_name("states.lock"), progress, "keeps a state"):
                if not state.exists():  # of an equal machine that started at the same time
                    save_state(socket, state, files.disk if profile.clock == "real" else None)
        except (BootFailed, OSError) as error:
            progress.step(f"The next start will take as long: {error}")
    return pid, taken


def _launch(
    profile: Profile, image: Image, files: MachineFiles, port: int | None, more: Sequence[str]
) -> tuple[int, int]:
    """Start QEMU; its pid and the port that it listens on."""
    files.boot_log.write_bytes(b"")
    files.pid.unlink(missing_ok=True)
    taken = _run_qemu(profile, image, files, port, more)
    return _pid(files), taken


def _pid(files: MachineFiles) -> int:
    try:
        return int(files.pid.read_text())
    except (OSError, ValueError) as error:  # QEMU removes the file as it ends
        raise BootFailed("the machine ended while it started", _boot_log(files)) from error


def _make_flash(profile: Profile, image: Image, files: MachineFiles) -> None:
    if profile.clock == "counted":
        content = flash_content(profile.disk_mib)
        files.initramfs.write_bytes(image.initramfs.read_bytes() + content)
    else:
        make_ext4(files.disk, profile.disk_mib * 1024)


def _run_qemu(
    profile: Profile, image: Image, files: MachineFiles, port: int | None, more: Sequence[str]
) -> int:
    """Start QEMU, which binds the port itself: a free one may be gone by then, so try others."""
    accelerator = choose_accelerator(this_host())
    for _ in range(1 if port else _PORT_ATTEMPTS):
        taken = port or free_port()
        command = qemu_command(profile, image, files, taken, accelerator)
        done = subprocess.run(
            [find_program(command[0]), *command[1:], *more],
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


def _await_listening(pid: int, files: MachineFiles) -> None:
    """Return when the guest says that adbd listens."""
    _await(pid, files, lambda: _LISTENING in files.boot_log.read_bytes())


def _await_answer(pid: int, port: int, files: MachineFiles) -> None:
    """Return when adbd answers."""
    _await(pid, files, lambda: answers(port, _ANSWER_SECONDS))


def _await(pid: int, files: MachineFiles, is_so: Callable[[], bool]) -> None:
    """Return when it is so; BootFailed when the machine ended or took too long."""
    limit = time.monotonic() + BOOT_LIMIT_SECONDS
    while time.monotonic() < limit:
        if not is_ours(pid, files):
            raise BootFailed("the machine ended while it started", _boot_log(files))
        if is_so():
            return
        time.sleep(_POLL_SECONDS)
    raise BootFailed(f"no answer within {BOOT_LIMIT_SECONDS} s", _boot_log(files))


def _boot_log(files: MachineFiles) -> str:
    return files.boot_log.read_text(errors="replace")
