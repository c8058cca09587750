"""Leaving: end what still runs, remove what runs wrote, and what was pushed unless it may stay."""

from dataclasses import dataclass

from taskzip.contracts.progress import Progress
from taskzip.device.errors import ConnectionLost, TookTooLong
from taskzip.device.lock import Lock, held_lock
from taskzip.device.running import END_RUNNING
from taskzip.device.transport.protocol import Transport

RELOCK_WAIT_S = 5.0

_NOT_HELD = 75
_CLEAN = r"""
lock=$1 holder=$2 home=$3 keep=$4
[ "/proc/$holder/fd/9" -ef "$lock" ] || exit 75
cd "$home" 2>/dev/null || exit 0
END_RUNNING
rm -rf work || exit
[ -n "$keep" ] || rm -rf store
""".replace("END_RUNNING", END_RUNNING)


@dataclass(frozen=True)
class Cleaner:
    """What a session leaves behind below `home`: the store if it is to `keep` it, or nothing."""

    transport: Transport
    home: str
    keep: bool
    progress: Progress

    def clean(self, lock: Lock) -> None:
        """Clean up under the lock, which is taken again if it went with its connection.

        A connection that breaks meanwhile is opened again, once. DeviceHeld when another session
        took the lock; that session cleans up as it begins.
        """
        try:
            self._clean(lock)
        except (ConnectionLost, TookTooLong):
            self._clean(lock)

    def _clean(self, lock: Lock) -> None:
        if not self._clean_under(lock):
            with held_lock(self.transport, lock.path, self.progress, RELOCK_WAIT_S) as again:
                self._clean_under(again)

    def _clean_under(self, lock: Lock) -> bool:
        words = (lock.path, str(lock.pid), self.home, "keep" if self.keep else "")
        completed = self.transport.shell(["sh", "-c", _CLEAN, "clean", *words])
        if completed.exit_code == _NOT_HELD:
            return False
        completed.checked()
        return True
