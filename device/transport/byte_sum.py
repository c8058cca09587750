"""The checksum of ADB's packets, quickly: `adb_shell` takes 7 ms to sum the bytes of a mebibyte.

A checksum of zlib's is a sum of bytes as well, modulo 65521, which 256 bytes cannot reach.
"""

import zlib
from typing import Any

from adb_shell import constants
from adb_shell.adb_device import AdbDevice
from adb_shell.adb_message import AdbMessage

_BLOCK_BYTES = 256
_SUM_MASK = 0xFFFF


def byte_sum(data: bytes | bytearray | memoryview) -> int:
    """The sum of all bytes modulo 2^32."""
    view = memoryview(data)
    blocks = (view[at : at + _BLOCK_BYTES] for at in range(0, len(view), _BLOCK_BYTES))
    return sum((zlib.adler32(block) & _SUM_MASK) - 1 for block in blocks) & 0xFFFFFFFF


class _Packet(AdbMessage):  # type: ignore[misc]  # adb_shell carries no types
    @property
    def checksum(self) -> int:
        return byte_sum(self.data)


class QuickDevice(AdbDevice):  # type: ignore[misc]  # adb_shell carries no types
    """An `AdbDevice` that is not held up by checksums when it pushes."""

    def _filesync_flush(self, adb_info: Any, filesync_info: Any) -> None:
        data = bytes(memoryview(filesync_info.send_buffer)[: filesync_info.send_idx])
        packet = _Packet(constants.WRTE, adb_info.local_id, adb_info.remote_id, data)
        self._io_manager.send(packet, adb_info)
        self._read_until([constants.OKAY], adb_info)
        filesync_info.send_idx = 0
