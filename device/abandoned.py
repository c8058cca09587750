"""Sessions that were killed: noted on this computer before a device is touched, until it is clean.

A session on the same device finds out from the device itself what an earlier one left; the note is
for the other devices, which still hold it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Count
from taskzip.contracts.paths import cache_dir
from taskzip.device.transport.replay import REPLAY_OF
from taskzip.device.virtual.endpoint import LOOPBACK
from taskzip.device.virtual.machine import list_running

_START_FIELD = 19  # of /proc/PID/stat, counted behind the name in parentheses


class SessionNote(Document):
    """A session that puts things on a device, and the process that is to remove them."""

    format: Literal[1] = 1
    serial: str
    pid: Count
    process_started: str
    """In the kernel's own ticks: pids are used again."""
    started_at: str
    """ISO 8601, UTC."""


def note_session(serial: str) -> None:
    """Leave a note that this process puts things on the device, unless it is a recorded one."""
    if serial.startswith(REPLAY_OF):
        return
    note = SessionNote(
        serial=serial,
        pid=os.getpid(),
        process_started=_process_started(os.getpid()) or "",
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    note.write(_file(serial))


def forget_sessions(serial: str) -> None:
    """Drop the notes of this process, and of those that are gone, on a device that is clean now."""
    _file(serial).unlink(missing_ok=True)
    for file, note in _abandoned():
        if note.serial == serial:
            file.unlink(missing_ok=True)


def abandoned_elsewhere(serial: str) -> tuple[SessionNote, ...]:
    """Sessions on other devices that were killed; notes of devices that are gone are dropped."""
    found = []
    for file, note in _abandoned():
        if _is_gone(note.serial):
            file.unlink(missing_ok=True)
        elif note.serial != serial:
            found.append(note)
    return tuple(found)


def _abandoned() -> Iterator[tuple[Path, SessionNote]]:
    for file in sorted(_folder().glob("*.json")):
        with suppress(BadInput):  # damaged, or just removed by its own session
            note = SessionNote.read(file)
            if _process_started(note.pid) != note.process_started:
                yield file, note


def _is_gone(serial: str) -> bool:
    """Whether the device is an emulated one that has ended, or a folder that was removed."""
    if serial.startswith(f"{LOOPBACK}:"):
        return all(machine.serial != serial for machine in list_running())
    return serial.startswith("local:") and not Path(serial.removeprefix("local:")).exists()


def _process_started(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[_START_FIELD]


def _file(serial: str) -> Path:
    return _folder() / f"{hashlib.sha256(serial.encode()).hexdigest()[:16]}-{os.getpid()}.json"


def _folder() -> Path:
    return cache_dir() / "sessions"
