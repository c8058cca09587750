"""From the bytes of a wrapped command to its output, within limits; serves every transport."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Self

from taskzip.contracts.errors import DeviceTrouble
from taskzip.device.errors import ConnectionLost, name_of
from taskzip.device.transport.protocol import Completed
from taskzip.device.transport.wrap import BrokenTrailer, Wrapped, wrap

MAX_SHELL_BYTES = 16 << 20
MAX_LINE_BYTES = 1 << 20
MAX_STREAM_BYTES = 256 << 20

Chunks = Generator[bytes, None, None]


@dataclass(frozen=True)
class Command:
    """A command on its way: to which device, as given and as wrapped."""

    serial: str
    argv: tuple[str, ...]
    wrapped: Wrapped

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return name_of(self.argv)

    @classmethod
    def of(cls, serial: str, argv: Sequence[str]) -> Self:
        """The command with a wrapping of its own."""
        return cls(serial, tuple(argv), wrap(argv))

    def complete(self, stream: bytes) -> Completed:
        """What the whole stream says; ConnectionLost if its end is missing."""
        try:
            stdout, exit_code, stderr = self.wrapped.split(stream)
        except BrokenTrailer as error:
            raise ConnectionLost(
                f"{self.serial}: the connection closed while `{self.name}` was running "
                f"(no exit code after {len(stream)} bytes); check the device and try again"
            ) from error
        return Completed(self.serial, self.argv, exit_code, stdout, stderr)

    def overflow(self, what: str, limit: int) -> DeviceTrouble:
        """The error for output beyond a limit."""
        return DeviceTrouble(
            f"{self.serial}: `{self.name}` wrote {what} of more than {limit} bytes; gave up"
        )


def collect(command: Command, chunks: Chunks, limit: int = MAX_SHELL_BYTES) -> Completed:
    """The completed command, its output taken whole."""
    stream = bytearray()
    for chunk in chunks:
        stream += chunk
        if len(stream) > limit:
            chunks.close()
            raise command.overflow("output", limit)
    return command.complete(bytes(stream))


@dataclass(frozen=True)
class Limits:
    """How much of a stream is read before it is taken for broken."""

    line_bytes: int = MAX_LINE_BYTES
    stream_bytes: int = MAX_STREAM_BYTES


class Lines:
    """A LineStream over the chunks of a wrapped command."""

    def __init__(self, command: Command, chunks: Chunks, limits: Limits | None = None) -> None:
        self._command, self._chunks, self._limits = command, chunks, limits or Limits()
        self._ready: deque[bytes] = deque()
        self._rest = b""
        self._received = 0
        self._completed: Completed | None = None

    @property
    def completed(self) -> Completed | None:
        """How the command ended; None before its stream did."""
        return None if self._ready else self._completed

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> bytes:
        while not self._ready:
            if self._completed is not None:
                raise StopIteration
            self._read()
        return self._ready.popleft()

    def close(self) -> None:
        """Stop reading."""
        self._chunks.close()

    def _read(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            self._finish()
            return
        self._received += len(chunk)
        output, mark, trailer = (self._rest + chunk).partition(self._command.wrapped.mark)
        *whole, last = output.split(b"\n")
        self._ready.extend(whole)
        self._rest = last + mark + trailer
        self._check_limits(len(last))

    def _finish(self) -> None:
        completed = self._command.complete(self._rest)
        self._ready.extend([completed.stdout] if completed.stdout else [])
        self._completed = Completed(
            completed.serial, completed.argv, completed.exit_code, b"", completed.stderr
        )

    def _check_limits(self, unfinished_bytes: int) -> None:
        longest = max((unfinished_bytes, *(len(line) for line in self._ready)))
        for what, size, limit in (
            ("a line", longest, self._limits.line_bytes),
            ("output", self._received, self._limits.stream_bytes),
        ):
            if size > limit:
                self.close()
                raise self._command.overflow(what, limit)
