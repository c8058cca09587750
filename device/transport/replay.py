"""A recorded device: it answers as it once did, if it is asked the same in the same order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from taskzip.device.errors import NotRecorded
from taskzip.device.transport.exchange import BYTES_AS_TEXT, Exchange, Recording
from taskzip.device.transport.protocol import (
    MAX_PULL_BYTES,
    SHELL_TIMEOUT_S,
    SILENCE_S,
    Completed,
    OnBytes,
    Span,
)

REPLAY_OF = "replay of "
"""What stands before the serial of the device that was recorded."""

_SHOWN_CHARS = 160


class ReplayTransport:
    """Answers from a recording; NotRecorded for a call that is not the next one there."""

    def __init__(self, head: Recording, exchanges: Sequence[Exchange]) -> None:
        self._head, self._left = head, list(exchanges)

    @property
    def serial(self) -> str:
        """Says that this is not the device itself."""
        return f"{REPLAY_OF}{self._head.serial}"

    @property
    def base(self) -> str:
        """The recorded device's."""
        return self._head.base

    def shell(self, argv: Sequence[str], timeout_s: float = SHELL_TIMEOUT_S) -> Completed:
        """The command as it once ended."""
        completed = self._next("shell", argv).completed(self.serial, argv)
        if completed is None:
            raise self._not_recorded("shell", argv, "a command that did not end")
        return completed

    def lines(self, argv: Sequence[str], silence_s: float = SILENCE_S) -> "ReplayedLines":
        """The lines that were read."""
        exchange = self._take("lines", argv)
        completed = exchange.completed(self.serial, argv)
        return ReplayedLines(exchange, completed and replace(completed, stdout=b""))

    def push(
        self, local: Path, remote: str, on_bytes: OnBytes | None = None, span: Span | None = None
    ) -> None:
        """Nothing is copied."""
        self._next("push", [remote])
        if on_bytes is not None:
            on_bytes(local.stat().st_size if span is None else span.bytes)

    def pull(self, remote: str, local: Path, max_bytes: int = MAX_PULL_BYTES) -> None:
        """The file as it once was."""
        exchange = self._next("pull", [remote])
        local.write_bytes(exchange.output.encode(BYTES_AS_TEXT))

    def close(self) -> None:
        """Nothing is open."""

    def _next(self, kind: str, words: Sequence[str]) -> Exchange:
        exchange = self._take(kind, words)
        exchange.raise_trouble()
        return exchange

    def _take(self, kind: str, words: Sequence[str]) -> Exchange:
        if not self._left:
            raise self._not_recorded(kind, words, "nothing more")
        exchange = self._left.pop(0)
        if not exchange.answers(kind, words):
            raise self._not_recorded(kind, words, f"{exchange.kind} {' '.join(exchange.words)}")
        return exchange

    def _not_recorded(self, kind: str, words: Sequence[str], recorded: str) -> NotRecorded:
        asked, had = (
            " ".join(text.split())[:_SHOWN_CHARS]
            for text in (f"{kind} {' '.join(words)}", recorded)
        )
        return NotRecorded(
            f"{self.serial}: asked for `{asked}`, but the recording has `{had}` here; use the "
            f"bundle, the options and the version with which it was made, or record anew"
        )


class ReplayedLines(Iterator[bytes]):
    """A LineStream of recorded lines."""

    def __init__(self, exchange: Exchange, completed: Completed | None) -> None:
        self._exchange, self._ended = exchange, completed
        self._left = exchange.output.encode(BYTES_AS_TEXT).split(b"\n")[:-1]
        self._completed: Completed | None = None

    @property
    def completed(self) -> Completed | None:
        """How the command ended; None before the last line was taken."""
        return self._completed

    def __next__(self) -> bytes:
        if self._left:
            return self._left.pop(0)
        self._exchange.raise_trouble()
        self._completed = self._ended
        raise StopIteration

    def close(self) -> None:
        """Nothing is open."""
