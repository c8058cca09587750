"""A device through Android's own daemon: `adb_shell` over TCP or USB."""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adb_shell import exceptions as adb
from adb_shell.adb_device import AdbDevice

from taskzip.device.errors import ConnectionLost, TookTooLong, TransferFailed
from taskzip.device.transport.protocol import MAX_PULL_BYTES, OnBytes, Span
from taskzip.device.transport.quick import begun_shell
from taskzip.device.transport.stream import Chunks, Command
from taskzip.device.transport.streaming import StreamingTransport
from taskzip.device.transport.transfer import Reading, Sink, Source, reading, writing

DEVICE_FOLDER = "/data/local/tmp"
TRANSFER_SILENCE_S = 30.0

TIMEOUTS = (TimeoutError, adb.TcpTimeoutException, adb.AdbTimeoutError)
BROKEN = (
    OSError,
    struct.error,
    KeyError,
    adb.AdbConnectionError,
    adb.InvalidChecksumError,
    adb.InvalidCommandError,
    adb.InvalidResponseError,
    adb.UsbDeviceNotFoundError,
    adb.UsbReadFailedError,
    adb.UsbWriteFailedError,
)
_REFUSED = (adb.AdbCommandFailureException, adb.PushFailedError)


class AdbTransport(StreamingTransport):
    """Streams over one ADB connection, which is opened again after it broke.

    An operation that ends early (Ctrl-C, silence, a lost packet) leaves packets on the wire that
    belong to nobody, so the connection is dropped with it; adbd then hangs up on every command
    that was started over it.
    """

    def __init__(
        self,
        serial: str,
        connect: Callable[[], AdbDevice],
        base: str = DEVICE_FOLDER,
        transfer_silence_s: float = TRANSFER_SILENCE_S,
    ) -> None:
        super().__init__(serial, base)
        self._connect, self._transfer_silence_s = connect, transfer_silence_s
        self._device: AdbDevice | None = connect()

    def push(
        self, local: Path, remote: str, on_bytes: OnBytes | None = None, span: Span | None = None
    ) -> None:
        """Copy a file to the device."""
        with reading(local) as file, self._using(f"push of {remote}") as device:
            source = Source(Reading(file, span), on_bytes)
            device.push(source, remote, read_timeout_s=self._transfer_silence_s)

    def pull(self, remote: str, local: Path, max_bytes: int = MAX_PULL_BYTES) -> None:
        """Copy a file from the device."""
        with writing(local) as file, self._using(f"pull of {remote}") as device:
            device.pull(
                remote, Sink(local, file, max_bytes), read_timeout_s=self._transfer_silence_s
            )

    def close(self) -> None:
        """Close the connection."""
        if self._device is not None:
            self._device.close()
            self._device = None

    def _chunks(self, command: Command, silence_s: float, deadline: float | None = None) -> Chunks:
        with self._using(f"`{command.name}`") as device:
            for chunk in begun_shell(device, command.wrapped.command, silence_s):
                yield chunk
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError

    @contextmanager
    def _using(self, doing: str) -> Iterator[AdbDevice]:
        """A connected device; what the package raises becomes an error of this room."""
        if self._device is None:
            self._device = self._connect()
        device = self._device
        try:
            yield device
        except (TransferFailed, *_REFUSED) as error:
            raise TransferFailed(f"{self._serial}: {doing} failed: {_reason(error)}") from error
        except BaseException as error:
            self._drop(device)
            if isinstance(error, TIMEOUTS):
                raise TookTooLong(f"{self._serial}: {doing} went silent; gave up") from error
            if isinstance(error, BROKEN):
                raise ConnectionLost(
                    f"{self._serial}: the connection broke during {doing} ({_reason(error)}); "
                    f"check the device and try again"
                ) from error
            raise

    def _drop(self, device: AdbDevice) -> None:
        """Close a connection that is in an unknown state, unless another took its place."""
        if self._device is device:
            self.close()


def _reason(error: BaseException) -> str:
    first = error.args[0] if error.args else type(error).__name__
    text = first.decode(errors="replace") if isinstance(first, bytes | bytearray) else str(error)
    return " ".join(text.split()) or type(error).__name__
