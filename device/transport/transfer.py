"""Files as `adb_shell` wants them: streams that count, and that stop at a limit.

The package's own progress callback swallows every exception, Ctrl-C too; a stream does not.
"""

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from taskzip.device.errors import TransferFailed
from taskzip.device.transport.protocol import OnBytes, Span


class Reading:
    """An open file, or a span of it, read from its beginning."""

    def __init__(self, file: BinaryIO, span: Span | None) -> None:
        self._file, self._left = file, sys.maxsize if span is None else span.bytes
        if span is not None:
            file.seek(span.start)

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


class Source(BytesIO):
    """A file to push, read as it goes."""

    def __init__(self, file: Reading, on_bytes: OnBytes | None) -> None:
        super().__init__()
        self._file, self._on_bytes = file, on_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes of the file."""
        try:
            data = self._file.read(sys.maxsize if size is None or size < 0 else size)
        except OSError as error:
            raise TransferFailed(f"reading here failed: {error.strerror}") from error
        if data and self._on_bytes is not None:
            self._on_bytes(len(data))
        return data


class Sink(BytesIO):
    """A file to pull into, no longer than `max_bytes`."""

    def __init__(self, path: Path, file: BinaryIO, max_bytes: int) -> None:
        super().__init__()
        self._path, self._file, self._left = path, file, max_bytes

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # the package writes bytes
        """Append to the file."""
        self._left -= len(data)
        if self._left < 0:
            raise TransferFailed(f"the device sent more for {self._path.name} than it may")
        try:
            return self._file.write(data)
        except OSError as error:
            raise TransferFailed(f"{self._path}: {error.strerror}") from error


def reading(local: Path) -> BinaryIO:
    """The local file to push."""
    return _opened(local, lambda: local.open("rb"))


def writing(local: Path) -> BinaryIO:
    """The local file to pull into."""
    return _opened(local, lambda: local.open("wb"))


def _opened(local: Path, opening: Callable[[], BinaryIO]) -> BinaryIO:
    """A local file; that it cannot be opened is not the connection's fault."""
    try:
        return opening()
    except OSError as error:
        raise TransferFailed(f"{local}: {error.strerror}") from error
