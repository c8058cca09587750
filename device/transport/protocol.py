"""What the harness asks of a connection to a device; five methods and two names."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from taskzip.device.errors import CommandFailed

SHELL_TIMEOUT_S = 60.0
SILENCE_S = 120.0
MAX_PULL_BYTES = 1 << 30

OnBytes = Callable[[int], None]
"""Called with the number of bytes moved since the last call."""


@dataclass(frozen=True)
class Span:
    """Part of a file: `bytes` from byte `start` on."""

    start: int
    bytes: int


@dataclass(frozen=True)
class Completed:
    """A command that ended on the device. `stdout` is empty where it was read line by line."""

    serial: str
    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as UTF-8; bytes that are not become U+FFFD."""
        return self.stdout.decode(errors="replace")

    @property
    def stderr_text(self) -> str:
        """Standard error as UTF-8; bytes that are not become U+FFFD."""
        return self.stderr.decode(errors="replace")

    def checked(self) -> "Completed":
        """Itself if the exit code is 0, else CommandFailed."""
        if self.exit_code != 0:
            raise CommandFailed(self.serial, self.argv, self.exit_code, self.stderr_text)
        return self


class LineStream(Iterator[bytes], Protocol):
    """Standard output as it comes, line by line without the line end."""

    @property
    def completed(self) -> Completed | None:
        """How the command ended; None before the last line was taken."""

    def close(self) -> None:
        """Stop reading; what still runs on the device may be left running."""


class Transport(Protocol):
    """A connection to one device. Every method raises DeviceTrouble when the device fails."""

    @property
    def serial(self) -> str:
        """What the device is called: a USB serial, or HOST:PORT."""

    @property
    def base(self) -> str:
        """The folder on the device below which the harness may write."""

    def shell(self, argv: Sequence[str], timeout_s: float = SHELL_TIMEOUT_S) -> Completed:
        """Run a command to its end; arguments reach it as given, whatever they contain."""

    def lines(self, argv: Sequence[str], silence_s: float = SILENCE_S) -> LineStream:
        """Run a command and read its output while it runs; TookTooLong after such a silence.

        It has begun when this returns.
        """

    def push(
        self, local: Path, remote: str, on_bytes: OnBytes | None = None, span: Span | None = None
    ) -> None:
        """Copy a file, or part of one, to the device, making folders; its mode is the device's."""

    def pull(self, remote: str, local: Path, max_bytes: int = MAX_PULL_BYTES) -> None:
        """Copy a file from the device; TransferFailed when it is longer than `max_bytes`."""

    def close(self) -> None:
        """Close the connection; may be called twice."""
