"""One session at a time on a device.

The lock is `flock` on a file, held by a process on the device that lives on a stream of this
connection. When the connection ends, however it ends, adbd hangs up on that process and the lock
is free: there are no stale locks to judge by age. Who waits blocks in `flock` and takes no
processor time from what is being measured.
"""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.progress import Progress
from taskzip.device.errors import DeviceHeld, TookTooLong
from taskzip.device.transport.protocol import LineStream, Transport

LOCK_WAIT_S = 300.0

_SHOWN_CHARS = 200
_FOREVER_S = "2147483647"

# A file that was removed by its last holder may still be open here; its lock protects nothing,
# so the file that is open must be the one that has the name.
_HOLD = r"""
mkdir -p "${1%/*}" || exit
(
    flock -n 9 || { echo "waiting for $(cat "$1")"; flock 9; } || exit
    [ "$(stat -L -c %i /proc/self/fd/9)" = "$(stat -c %i "$1" 2>/dev/null)" ] || exit 0
    echo "$2" >"$1"
    exec sh -c 'echo "holding $$"; exec sleep "$1"' hold "$3"
) 9>>"$1"
"""
# Only a process that has the lock's file open is the one that holds it: pids are used again.
_RELEASE = r"""
[ "/proc/$2/fd/9" -ef "$1" ] && rm -f "$1" && kill "$2" && rmdir "${1%/*}" 2>/dev/null
exit 0
"""


@dataclass(frozen=True)
class Lock:
    """A held lock: its file, the process that holds it, and the stream that process lives on."""

    transport: Transport
    path: str
    pid: int
    stream: LineStream

    def release(self) -> None:
        """Free the device for the next session and remove the lock's file."""
        self.transport.shell(["sh", "-c", _RELEASE, "release", self.path, str(self.pid)])
        for _ in self.stream:
            pass


@contextmanager
def held_lock(
    transport: Transport, path: str, progress: Progress, wait_s: float = LOCK_WAIT_S
) -> Iterator[Lock]:
    """Hold the device while the block runs; DeviceHeld when another still does after `wait_s`."""
    lock = None
    while lock is None:
        lock = _try_hold(transport, path, progress, wait_s)
    try:
        yield lock
    finally:
        with suppress(DeviceTrouble):  # whose connection is gone holds no lock either
            lock.release()
        lock.stream.close()


def _try_hold(transport: Transport, path: str, progress: Progress, wait_s: float) -> Lock | None:
    """The lock; None when its file was removed by the holder that we waited for."""
    argv = ["sh", "-c", _HOLD, "lock", path, _owner(), _FOREVER_S]
    stream = transport.lines(argv, silence_s=wait_s)
    holder = "another session"
    try:
        for line in stream:
            word, _, rest = _printable(line).partition(" ")
            if word == "holding" and rest.isdigit():
                return Lock(transport, path, int(rest), stream)
            holder = rest.removeprefix("for ") or holder
            progress.step(f"{transport.serial}: waiting for {holder}")
    except TookTooLong as error:
        raise DeviceHeld(
            f"{transport.serial} is used by {holder}, still after {wait_s:g} s; "
            f"wait for it to end, or end it, and try again"
        ) from error
    except BaseException:
        stream.close()
        raise
    if stream.completed is not None:
        stream.completed.checked()
    return None


def _owner() -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"{_user()} on {socket.gethostname()}, process {os.getpid()}, since {now}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a uid without a name, as in containers
        return f"uid {os.getuid()}"


def _printable(line: bytes) -> str:
    text = line.decode(errors="replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:_SHOWN_CHARS]
