"""An ADB device that streams: what it is sent need not wait for what it acknowledges.

Files that follow one another go through one stream of its sync service.
"""

import struct
from collections.abc import Iterator
from typing import Any

from adb_shell import constants, exceptions
from adb_shell.adb_device import AdbDevice
from adb_shell.adb_message import AdbMessage
from adb_shell.hidden_helpers import _AdbTransactionInfo
from adb_shell.transport.base_transport import BaseTransport

from taskzip.device.transport.wire import Wire

WINDOW_BYTES = 2 << 20
"""Sent and not acknowledged at most, on either side: a device keeps that much in memory."""

_SYNC = b"sync:"
_ACKNOWLEDGED = struct.Struct("<i")
_FAIL = b"FAIL"


class QuickDevice(AdbDevice):  # type: ignore[misc]  # adb_shell carries no types
    """An `AdbDevice` that acknowledges late where the device does too."""

    _local_id: int

    def __init__(self, transport: BaseTransport) -> None:
        super().__init__(transport)
        self._io_manager: Wire = Wire(transport)
        self._idle_sync: Any = None

    def connect(self, *words: Any, **more: Any) -> Any:
        """As the package connects; the streams of an earlier connection are gone."""
        self._idle_sync = None
        return super().connect(*words, **more)

    def _open(
        self,
        destination: bytes,
        transport_timeout_s: float | None,
        read_timeout_s: float,
        timeout_s: float | None,
    ) -> Any:
        """Open a stream, or go on with the idle one that is alike."""
        info, self._idle_sync = self._idle_sync, None
        if info is not None and destination == _SYNC:
            info.read_timeout_s = read_timeout_s
            return info
        if info is not None:
            super()._clse(info)
        return self._opened(destination, transport_timeout_s, read_timeout_s, timeout_s)

    def _opened(
        self,
        destination: bytes,
        transport_timeout_s: float | None,
        read_timeout_s: float,
        timeout_s: float | None,
    ) -> Any:
        """A new stream; with late acknowledgement both sides grant what may be on its way."""
        with self._local_id_lock:
            self._local_id = self._local_id % 0xFFFFFFFF + 1
            info = _AdbTransactionInfo(
                self._local_id,
                None,
                self._get_transport_timeout_s(transport_timeout_s),
                read_timeout_s,
                timeout_s,
            )
        granted = WINDOW_BYTES if self._io_manager.delays else 0
        message = AdbMessage(constants.OPEN, info.local_id, granted, destination + b"\0")
        self._io_manager.send(message, info)
        command, remote_id, _, told = self._io_manager.read([constants.OKAY, constants.CLSE], info)
        if command == constants.CLSE:
            name = destination.partition(b":")[0].decode(errors="replace")
            raise exceptions.AdbCommandFailureException(f"the device opens no `{name}`")
        info.remote_id = remote_id
        info.is_sync = destination == _SYNC
        info.window = min(_acknowledged(told), WINDOW_BYTES) if self._io_manager.delays else 0
        return info

    def _read_until(self, expected: list[bytes], info: Any) -> tuple[bytes, bytes]:
        """The next packet of those kinds; data are acknowledged with their number."""
        command, _, _, data = self._io_manager.read(expected, info, allow_zeros=True)
        if command == constants.WRTE:
            number = _ACKNOWLEDGED.pack(len(data)) if self._io_manager.delays else b""
            okay = AdbMessage(constants.OKAY, info.local_id, info.remote_id, number)
            self._io_manager.send(okay, info)
        return command, data

    def _push(self, *words: Any) -> None:
        """As the package pushes; a stream whose push failed is closed."""
        try:
            super()._push(*words)
        except exceptions.PushFailedError:
            *_, info, _ = words
            super()._clse(info)
            raise

    def _clse(self, info: Any) -> None:
        """Close a stream; that of the sync service waits for the next file, or another stream."""
        if info.is_sync:
            self._idle_sync = info
        else:
            super()._clse(info)

    def _filesync_flush(self, info: Any, sync: Any) -> None:
        """Send what was gathered, and wait until as much may be sent again."""
        data = bytes(memoryview(sync.send_buffer)[: sync.send_idx])
        self._io_manager.send(AdbMessage(constants.WRTE, info.local_id, info.remote_id, data), info)
        sync.send_idx = 0
        info.window -= len(data)
        while info.window < 0:
            self._await_okay(info, sync)

    def _await_okay(self, info: Any, sync: Any) -> None:
        """Take an acknowledgement; PushFailedError when the device says instead what failed."""
        self._take(info, sync)
        if sync.recv_buffer.startswith(_FAIL):
            raise exceptions.PushFailedError(bytes(sync.recv_buffer[8:]))

    def _filesync_read_buffered(self, size: int, info: Any, sync: Any) -> bytes:
        """What the device says next; acknowledgements between count for the stream's next file."""
        while len(sync.recv_buffer) < size:
            self._take(info, sync)
        said = bytes(sync.recv_buffer[:size])
        sync.recv_buffer = sync.recv_buffer[size:]
        return said

    def _take(self, info: Any, sync: Any) -> None:
        """The next packet: an acknowledgement, or something that the device says."""
        command, data = self._read_until([constants.OKAY, constants.WRTE, constants.CLSE], info)
        if command == constants.CLSE:
            raise exceptions.InvalidResponseError("the device closed the stream")
        if command == constants.WRTE:
            sync.recv_buffer += data
            return
        info.window = info.window + _acknowledged(data) if self._io_manager.delays else 0


def begun_shell(device: AdbDevice, command: str, silence_s: float) -> Iterator[bytes]:
    """What the command writes, as it comes; the first chunk is empty, once it has begun."""
    info = device._open(b"shell:" + command.encode(), None, silence_s, None)
    yield b""
    yield from device._read_until_close(info)


def _acknowledged(data: bytes) -> int:
    if len(data) != _ACKNOWLEDGED.size:
        raise exceptions.InvalidResponseError(f"an acknowledgement of {len(data)} bytes, not 4")
    (count,) = _ACKNOWLEDGED.unpack(data)
    return int(count)
