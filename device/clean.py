"""Leaving: end what still runs, remove what runs wrote, and what was pushed unless it may stay."""

from collections.abc import Sequence
from dataclasses import dataclass

from taskzip.contracts.progress import Progress
from taskzip.device.lock import Lock, held_lock
from taskzip.device.transport.protocol import Transport

RELOCK_WAIT_S = 5.0

_NOT_HELD = 75
# The lock, the working folder, what may stay (nothing: all goes). A runner is ended only if its
# own working folder is this one: pids are used again.
_CLEAN = r"""
lock=$1 holder=$2 root=$3
shift 3
[ "/proc/$holder/fd/9" -ef "$lock" ] || exit 75
cd "$root" 2>/dev/null || exit 0
pid=$(cat .pid 2>/dev/null) && [ "/proc/$pid/cwd" -ef . ] && kill -9 "$pid"
[ $# -gt 0 ] || { cd / && rm -rf "$root"; exit; }
for path do set -- "$@" ! -path "./$path"; shift; done
find . ! -type d ! -path ./.stamp "$@" -exec rm -f {} + || exit
find . -depth -mindepth 1 -type d -exec rmdir {} + 2>/dev/null
exit 0
"""


@dataclass(frozen=True)
class Cleaner:
    """What a session leaves behind: the files of `keep`, or nothing."""

    transport: Transport
    root: str
    keep: Sequence[str]
    progress: Progress

    def clean(self, lock: Lock) -> None:
        """Clean up under the lock, which is taken again if it went with its connection.

        DeviceHeld when another session took it meanwhile; that session cleans up as it begins.
        """
        if not self._clean_under(lock):
            with held_lock(self.transport, lock.path, self.progress, RELOCK_WAIT_S) as again:
                self._clean_under(again)

    def _clean_under(self, lock: Lock) -> bool:
        argv = ["sh", "-c", _CLEAN, "clean", lock.path, str(lock.pid), self.root, *self.keep]
        completed = self.transport.shell(argv)
        if completed.exit_code == _NOT_HELD:
            return False
        completed.checked()
        return True
