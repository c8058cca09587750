"""The state of a machine that has just booted, kept so that the next start takes a second.

QEMU migrates the machine's memory to a file and comes in from it; an equal device of any label goes
on from the same instruction. The counted clock's machine is all memory: its flash is the guest's
own. The real clock's flash is a disk of QEMU's, of which a copy is kept beside the memory, taken
while the machine pauses. The system disk is never written. Such a start costs no boot, and with the
counted clock none differs from another.
"""

import hashlib
import json
import shlex
import time
from contextlib import closing
from pathlib import Path

from taskzip.contracts.document import replacing
from taskzip.contracts.paths import cache_dir
from taskzip.device.virtual.accelerator import choose_accelerator, this_host
from taskzip.device.virtual.command import MachineFiles, qemu_command
from taskzip.device.virtual.errors import BootFailed
from taskzip.device.virtual.filesystem import BLOCK_BYTES
from taskzip.device.virtual.flash import runs_of_blocks
from taskzip.device.virtual.image import Image
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.programs import run_step
from taskzip.device.virtual.qmp import Qmp

KEPT_STATES = 4
"""Of the last profiles that were used; a state takes some 90 MB."""
_FLASH = ".flash"

_LIMIT_S = 60.0
_POLL_S = 0.05
_ANYWHERE = MachineFiles(Path("anywhere"))


def state_file(profile: Profile, image: Image) -> Path | None:
    """Where the state of such a machine is, or would be; None where none can be kept."""
    if profile.clock == "real" and choose_accelerator(this_host()) != "tcg":
        return None
    unlabelled = profile.model_copy(update={"label": "device"})
    version = run_step("qemu --version", ["qemu-system-aarch64", "--version"])
    # Of the real clock's disk the command only names the file.
    command = qemu_command(unlabelled, image, _ANYWHERE, 0, "tcg")
    made_of = [version, image.recipe, profile.disk_mib, *command]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    return cache_dir() / "virtual" / "states" / digest[:24]


def kept_flash(state: Path) -> Path:
    """The flash that belongs to a state of the real clock's machine."""
    return state.with_name(state.name + _FLASH)


def save_state(socket: Path, file: Path, disk: Path | None) -> None:
    """Write the state of the machine, which pauses meanwhile, and forget the oldest ones.

    `disk` is the flash that QEMU keeps, if it keeps it. The machine is not stopped before: what
    goes on from its state would be stopped too.
    """
    with closing(Qmp(socket)) as qmp, replacing(file) as partial:
        try:
            qmp.execute("migrate", uri=f"exec:cat >{shlex.quote(str(partial))}")
            _await_written(qmp)
            if disk is not None:
                copy_flash(disk, kept_flash(file))
        finally:
            qmp.execute("cont")
    _forget_oldest(file.parent)


def copy_flash(source: Path, target: Path) -> None:
    """Copy a disk, holes as holes."""
    with replacing(target) as partial, partial.open("wb") as copy:
        copy.truncate(source.stat().st_size)
        for block, content in runs_of_blocks(source):
            copy.seek(block * BLOCK_BYTES)
            copy.write(content)


def incoming(file: Path) -> list[str]:
    """QEMU's arguments for going on from that state."""
    file.touch()  # it was used now
    return ["-incoming", f"exec:cat {shlex.quote(str(file))}"]


def _await_written(qmp: Qmp) -> None:
    end = time.monotonic() + _LIMIT_S
    while time.monotonic() < end:
        status = qmp.execute("query-migrate").get("status")
        if status == "completed":
            return
        if status in ("failed", "cancelled"):
            break
        time.sleep(_POLL_S)
    raise BootFailed("its state could not be saved", f"migration: {status}")


def _forget_oldest(folder: Path) -> None:
    states = [file for file in folder.iterdir() if file.suffix != _FLASH]
    for file in sorted(states, key=lambda file: file.stat().st_mtime)[:-KEPT_STATES]:
        forget_state(file)


def forget_state(file: Path) -> None:
    """Remove a state."""
    file.unlink(missing_ok=True)
    kept_flash(file).unlink(missing_ok=True)
