"""Files as `adb_shell` wants them: streams that count, and that stop at a limit.

The package's own progress callback swallows every exception, Ctrl-C too; a stream does not.
"""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from taskzip.device.errors import TransferFailed
from taskzip.device.transport.protocol import OnBytes


class Source(BytesIO):
    """A file to push, read as it goes."""

    def __init__(self, file: BinaryIO, on_bytes: OnBytes | None) -> None:
        super().__init__()
        self._file, self._on_bytes = file, on_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes of the file."""
        try:
            data = self._file.read(-1 if size is None else size)
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
