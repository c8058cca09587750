"""What all transports have in common whose commands are streams of bytes."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from taskzip.device.transport.protocol import SHELL_TIMEOUT_S, SILENCE_S, Completed
from taskzip.device.transport.stream import Chunks, Command, Lines, collect


class StreamingTransport(ABC):
    """A device by its name and its folder, and its commands by their streams."""

    def __init__(self, serial: str, base: str) -> None:
        self._serial, self._base = serial, base

    @property
    def serial(self) -> str:
        """What the device is called."""
        return self._serial

    @property
    def base(self) -> str:
        """The folder below which the harness may write."""
        return self._base

    def shell(self, argv: Sequence[str], timeout_s: float = SHELL_TIMEOUT_S) -> Completed:
        """Run a command to its end."""
        command = Command.of(self._serial, argv)
        return collect(command, self._chunks(command, timeout_s, time.monotonic() + timeout_s))

    def lines(self, argv: Sequence[str], silence_s: float = SILENCE_S) -> Lines:
        """Run a command and read its output while it runs."""
        command = Command.of(self._serial, argv)
        chunks = self._chunks(command, silence_s)
        next(chunks)
        return Lines(command, chunks)

    @abstractmethod
    def _chunks(self, command: Command, silence_s: float, deadline: float | None = None) -> Chunks:
        """The command's stream; TookTooLong after such a silence, or past the deadline.

        The first chunk is empty: the command has begun.
        """
