"""Ballast: a process of ours that holds memory of the device, so that a run has less of it.

Where the shell may make no control group, as on a phone, that is how memory becomes scarce. It
lives as long as its stream, and is ended as a runner is: by its session, or by the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from taskzip.contracts.ballast import Ballast
from taskzip.contracts.errors import BadInput
from taskzip.device.errors import RunnerFailed
from taskzip.device.launch import Launcher
from taskzip.device.parse.fields import shown
from taskzip.device.transport.protocol import LineStream, Transport

TAKE_S = 300.0
"""Each page is written, and others are swapped out or dropped for it."""

_GONE = 75
_IS_THERE = r"""
{ read -r pid <"$1/.ballast"; } 2>/dev/null && [ "/proc/$pid/cwd" -ef "$1" ] || exit 75
"""
_END = _IS_THERE + r'kill -9 "$pid" && rm -f "$1/.ballast"'


@dataclass(frozen=True)
class HeldBallast:
    """Ballast that is on the device now."""

    transport: Transport
    root: str
    told: Ballast

    def refuse_lost(self) -> None:
        """RunnerFailed when it is gone: what ran meanwhile had more memory than it was to have."""
        done = self.transport.shell(["sh", "-c", _IS_THERE, "ballast", self.root])
        if done.exit_code == _GONE:
            raise RunnerFailed(
                f"{self.transport.serial}: the system ended the ballast of "
                f"{self.told.ballast_bytes >> 20} MiB; leave more memory free"
            )
        done.checked()


@contextmanager
def held_ballast(launcher: Launcher, mebibytes: int) -> Iterator[HeldBallast]:
    """Hold so much memory while the block runs; RunnerFailed when it cannot be had."""
    transport = launcher.lock.transport
    stream = transport.lines(launcher.ballast_argv(mebibytes), TAKE_S)
    try:
        yield HeldBallast(transport, launcher.root, _told(transport.serial, stream))
    finally:
        transport.shell(["sh", "-c", _END, "ballast", launcher.root])
        for _ in stream:
            pass


def _told(serial: str, stream: LineStream) -> Ballast:
    line = next(stream, b"")
    try:
        return Ballast.parse(line, f"{serial}: the ballast")
    except BadInput as error:
        said = shown(line.decode(errors="replace"))
        raise RunnerFailed(f"{serial}: no ballast was taken; the runner says {said}") from error
