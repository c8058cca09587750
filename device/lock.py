"""One session at a time on a device, whichever hosts they are on.

The lock is `flock` on a file, held by a process on the device that lives on a stream of this
connection. When the connection ends, however it ends, adbd hangs up on that process and the lock
is free. A host that vanishes without ending its connection (power, cable, sleep) would hold it for
hours, so it has a lease, which the holder renews; its end, by the device's own uptime, lies beside
the lock, and whoever finds that it has passed breaks the lock. Who waits blocks in `flock` and
takes no processor time from what is being measured.
"""

import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.progress import Progress
from taskzip.device.errors import DeviceHeld, LockLost, TookTooLong
from taskzip.device.lock_scripts import AWAIT, LOST, RELEASE, RENEW, TRY
from taskzip.device.parse.text import printable
from taskzip.device.transport.protocol import LineStream, Transport

LOCK_WAIT_S = 5.0
"""For a session that has just ended, whose connection adbd still has to notice."""
LEASE_S = 600.0
"""Whoever gives no sign of life for so long is gone; longer than a run may be silent."""

_FOREVER_S = "2147483647"


@dataclass(frozen=True)
class Lock:
    """A held lock: its file, the process that holds it, and the stream that process lives on."""

    transport: Transport
    path: str
    pid: int
    stream: LineStream
    lease_s: float = LEASE_S

    @property
    def words(self) -> tuple[str, str, str]:
        """What scripts on the device are told: its file, its process, its lease in seconds."""
        return self.path, str(self.pid), str(int(self.lease_s))

    def renew(self) -> None:
        """Give a sign of life; LockLost when the lock is another's now."""
        done = self.transport.shell(["sh", "-c", RENEW, "renew", *self.words])
        if done.exit_code == LOST:
            raise lock_lost(self.transport.serial)
        done.checked()

    def release(self) -> None:
        """Free the device for the next session and remove the lock's files."""
        self.transport.shell(["sh", "-c", RELEASE, "release", *self.words])
        for _ in self.stream:
            pass


@dataclass(frozen=True)
class _Holder:
    """Who holds the device, and how long it may go on without a sign of life."""

    name: str
    lease_left_s: int


@contextmanager
def held_lock(
    transport: Transport,
    path: str,
    progress: Progress,
    wait_s: float = LOCK_WAIT_S,
    lease_s: float = LEASE_S,
) -> Iterator[Lock]:
    """Hold the device while the block runs; DeviceHeld when another still does after `wait_s`."""
    lock = _acquire(transport, path, progress, wait_s, lease_s)
    try:
        yield lock
    finally:
        with suppress(DeviceTrouble):  # whose connection is gone holds no lock either
            lock.release()
        lock.stream.close()


def lock_lost(serial: str) -> LockLost:
    """The error of a session that was taken for dead."""
    return LockLost(
        f"{serial}: another session took the device over, because this one gave no sign of life "
        f"(did this computer sleep?); run the command again"
    )


def _acquire(
    transport: Transport, path: str, progress: Progress, wait_s: float, lease_s: float
) -> Lock:
    end = time.monotonic() + wait_s
    told = False
    while True:
        found = _try_hold(transport, path, progress, lease_s)
        if isinstance(found, Lock):
            return found
        left_s = end - time.monotonic()
        if left_s <= 0:
            raise _held(transport.serial, found, wait_s)
        if not told:
            progress.step(f"{transport.serial}: waiting for {found.name}")
            told = True
        _await_free(transport, path, min(left_s, max(1.0, found.lease_left_s)))


def _try_hold(
    transport: Transport, path: str, progress: Progress, lease_s: float
) -> Lock | _Holder:
    """The lock, or who holds it. Says what an earlier session left, or whose lock it broke."""
    argv = ["sh", "-c", TRY, "lock", path, _owner(), _FOREVER_S, str(int(lease_s))]
    stream = transport.lines(argv)
    holder = _Holder("another session", int(lease_s))
    try:
        for line in stream:
            word, _, rest = printable(line.decode(errors="replace")).partition(" ")
            if word == "holding" and rest.isdigit():
                return Lock(transport, path, int(rest), stream, lease_s)
            if word == "held":
                holder = _parse_holder(rest)
            elif word in _NOTICES:
                progress.step(f"{transport.serial}: {_NOTICES[word].format(rest)}")
    except BaseException:
        stream.close()
        raise
    if stream.completed is not None:
        stream.completed.checked()
    return holder


_NOTICES = {
    "left": "the session of {} ended without cleaning up; what it left is removed or used again",
    "broke": "broke the lock of {}, which gave no sign of life for too long",
}


def _await_free(transport: Transport, path: str, limit_s: float) -> None:
    """Return when the lock was free for a moment, or after `limit_s`."""
    with suppress(TookTooLong):
        transport.shell(["sh", "-c", AWAIT, "await", path], timeout_s=limit_s)


def _held(serial: str, holder: _Holder, wait_s: float) -> DeviceHeld:
    return DeviceHeld(
        f"{serial} is used by {holder.name}, still after {wait_s:g} s; end it, or wait for it with "
        f"--wait SECONDS (without a sign of life from it, its lock is broken in "
        f"{holder.lease_left_s} s)"
    )


def _parse_holder(text: str) -> _Holder:
    left, _, name = text.partition(" ")
    return _Holder(name or "another session", int(left) if left.isdigit() else 0)


def _owner() -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"{_user()} on {socket.gethostname()}, process {os.getpid()}, since {now}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a uid without a name, as in containers
        return f"uid {os.getuid()}"
