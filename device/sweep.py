"""Removing everything of ours from a device: after a session that was killed, or for good."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.progress import Progress
from taskzip.device.abandoned import forget_sessions
from taskzip.device.lock import LOCK_WAIT_S, held_lock
from taskzip.device.parse.text import printable
from taskzip.device.places import home, lock_path
from taskzip.device.running import END_RUNNING
from taskzip.device.transport.protocol import Transport

_LINE = re.compile(r"(\d{1,19})\|\./(.+)")

# The lock's own files go with the lock.
_LIST = r"""
cd "$1" 2>/dev/null || exit 0
find . ! -type d ! -path ./lock ! -path ./lock.beat -exec stat -c '%s|%n' {} +
"""
_REMOVE = r"""
cd "$1" || exit
END_RUNNING
find . -mindepth 1 ! -path ./lock ! -path ./lock.beat -delete
""".replace("END_RUNNING", END_RUNNING)


@dataclass(frozen=True)
class Remains:
    """What of ours lies on a device: files below its folder there, and their bytes together."""

    serial: str
    folder: str
    files: tuple[str, ...]
    bytes: int


def find_remains(transport: Transport) -> Remains:
    """What a sweep would remove."""
    folder = home(transport)
    said = transport.shell(["sh", "-c", _LIST, "list", folder]).checked().text
    found = [match for match in map(_LINE.fullmatch, said.split("\n")) if match]
    return Remains(
        transport.serial,
        folder,
        tuple(sorted(printable(match[2]) for match in found)),
        sum(int(match[1]) for match in found),
    )


def sweep(transport: Transport, progress: Progress, wait_s: float = LOCK_WAIT_S) -> Remains:
    """Remove everything of ours; what it was. DeviceHeld while a session uses the device."""
    folder = home(transport)
    with held_lock(transport, lock_path(transport), progress, wait_s):
        remains = find_remains(transport)
        transport.shell(["sh", "-c", _REMOVE, "remove", folder]).checked()
    _refuse_left(transport.serial, folder, _names_in(transport, folder))
    forget_sessions(transport.serial)
    return remains


def _names_in(transport: Transport, folder: str) -> Sequence[str]:
    said = transport.shell(["sh", "-c", 'ls -A "$1" 2>/dev/null; exit 0', "list", folder])
    return said.checked().text.split()


def _refuse_left(serial: str, folder: str, names: Sequence[str]) -> None:
    if names:
        raise DeviceTrouble(
            f"{serial}: {folder} still holds {printable(', '.join(names))}; "
            f"another session has begun, or another user owns it"
        )
