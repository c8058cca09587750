"""A device, and a record of all that is asked of it and answered."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from taskzip.contracts.errors import DeviceTrouble
from taskzip.device.conditions import Setting
from taskzip.device.transport.exchange import BYTES_AS_TEXT, Exchange, Recording, write_recording
from taskzip.device.transport.protocol import (
    MAX_PULL_BYTES,
    SHELL_TIMEOUT_S,
    SILENCE_S,
    Completed,
    LineStream,
    OnBytes,
    Span,
    Transport,
)

Result = TypeVar("Result")


class Recorder:
    """The transport that it is given; `save` writes what went through it."""

    def __init__(self, inner: Transport, head: Recording) -> None:
        self._inner, self._head = inner, head
        self._exchanges: list[Exchange] = []

    @property
    def serial(self) -> str:
        """The device's."""
        return self._inner.serial

    @property
    def base(self) -> str:
        """The device's."""
        return self._inner.base

    def shell(self, argv: Sequence[str], timeout_s: float = SHELL_TIMEOUT_S) -> Completed:
        """Run a command to its end."""
        at = self._begin("shell", argv)
        done = self._told(at, lambda: self._inner.shell(argv, timeout_s))
        self._end(at, done.stdout, done)
        return done

    def lines(self, argv: Sequence[str], silence_s: float = SILENCE_S) -> LineStream:
        """Run a command and read its output while it runs."""
        at = self._begin("lines", argv)
        return _Noted(self, at, self._told(at, lambda: self._inner.lines(argv, silence_s)))

    def push(
        self, local: Path, remote: str, on_bytes: OnBytes | None = None, span: Span | None = None
    ) -> None:
        """Copy a file to the device; its content is not recorded."""
        at = self._begin("push", [remote])
        self._told(at, lambda: self._inner.push(local, remote, on_bytes, span))

    def pull(self, remote: str, local: Path, max_bytes: int = MAX_PULL_BYTES) -> None:
        """Copy a file from the device."""
        at = self._begin("pull", [remote])
        self._told(at, lambda: self._inner.pull(remote, local, max_bytes))
        self._change(at, output=local.read_bytes().decode(BYTES_AS_TEXT))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def save(self, file: Path) -> None:
        """Write the recording."""
        write_recording(file, self._head, self._exchanges)

    def _begin(self, kind: str, words: Sequence[str]) -> int:
        self._exchanges.append(Exchange.model_validate({"kind": kind, "words": tuple(words)}))
        return len(self._exchanges) - 1

    def _change(self, at: int, **update: object) -> None:
        self._exchanges[at] = self._exchanges[at].model_copy(update=update)

    def _end(self, at: int, output: bytes, completed: Completed | None) -> None:
        self._change(at, output=output.decode(BYTES_AS_TEXT))
        if completed is not None:
            errors = completed.stderr.decode(BYTES_AS_TEXT)
            self._change(at, exit_code=completed.exit_code, errors=errors)

    def _told(self, at: int, call: Callable[[], Result]) -> Result:
        """What the call returns; what it raises is recorded too."""
        try:
            return call()
        except DeviceTrouble as error:
            self._change(at, trouble=f"{type(error).__name__}:{error}")
            raise


@contextmanager
def recorded(transport: Transport, setting: Setting, file: Path) -> Iterator[Recorder]:
    """The transport with a recorder, whose recording is in `file` once the block has ended."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    kept = replace(setting, recorded_at=now)
    head = Recording(serial=transport.serial, base=transport.base, setting=kept)
    recorder = Recorder(transport, head)
    try:
        yield recorder
    finally:
        recorder.save(file)


class _Noted(Iterator[bytes]):
    """A stream whose lines are recorded as they are read."""

    def __init__(self, recorder: Recorder, at: int, inner: LineStream) -> None:
        self._recorder, self._at, self._inner = recorder, at, inner
        self._output = b""

    @property
    def completed(self) -> Completed | None:
        """How the command ended."""
        return self._inner.completed

    def __next__(self) -> bytes:
        try:
            line = self._recorder._told(self._at, lambda: next(self._inner))
        except StopIteration:
            self._recorder._end(self._at, self._output, self._inner.completed)
            raise
        self._output += line + b"\n"
        self._recorder._end(self._at, self._output, None)
        return line

    def close(self) -> None:
        """Stop reading."""
        self._inner.close()
