"""A transport that tells when a session enters a phase, and that is not patient."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

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

Phase = Literal["connect", "lock", "push", "handshake", "run", "pull", "clean"]
PHASES: tuple[Phase, ...] = get_args(Phase)

_SCRIPTS: dict[str, Phase] = {"store": "push", "version": "handshake", "clean": "clean"}
PATIENCE_S = 10.0
"""Long enough for a busy computer, short enough for a test."""


class Watched:
    """Everything goes to `inner`; `on_phase` is called as a phase begins, or within it."""

    def __init__(self, inner: Transport, on_phase: Callable[[Phase], None]) -> None:
        self._inner, self._on_phase = inner, on_phase
        self.serial, self.base = inner.serial, inner.base

    def shell(self, argv: Sequence[str], timeout_s: float = SHELL_TIMEOUT_S) -> Completed:
        phase = _SCRIPTS.get(argv[3]) if len(argv) > 3 else None
        if phase is not None and phase != "push":
            self._on_phase(phase)
        return self._inner.shell(argv, min(timeout_s, PATIENCE_S))

    def lines(self, argv: Sequence[str], silence_s: float = SILENCE_S) -> LineStream:
        if argv[3] == "lock":
            self._on_phase("lock")
        stream = self._inner.lines(argv, min(silence_s, PATIENCE_S))
        return _Lines(stream, lambda: self._on_phase("run")) if argv[3] == "run" else stream

    def push(
        self, local: Path, remote: str, on_bytes: OnBytes | None = None, span: Span | None = None
    ) -> None:
        def passed(count: int) -> None:
            self._on_phase("push")
            if on_bytes is not None:
                on_bytes(count)

        self._inner.push(local, remote, passed, span)

    def pull(self, remote: str, local: Path, max_bytes: int = MAX_PULL_BYTES) -> None:
        self._on_phase("pull")
        self._inner.pull(remote, local, max_bytes)

    def close(self) -> None:
        self._inner.close()


class _Lines:
    """Tells of the phase when the first line has come."""

    def __init__(self, stream: LineStream, on_first: Callable[[], None]) -> None:
        self._stream, self._on_first = stream, on_first

    @property
    def completed(self) -> Completed | None:
        return self._stream.completed

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> bytes:
        line = next(self._stream)
        self._on_first()
        return line

    def close(self) -> None:
        self._stream.close()
