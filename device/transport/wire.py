"""ADB's packets as today's devices take them: without checksums, and acknowledged late.

`adb_shell` speaks the protocol of 2009: each packet has a sum of its bytes (7 ms for a mebibyte in
Python), and a stream waits for the device after each. Android leaves sums out since version
0x01000001, and acknowledges late where both sides name the feature `delayed_ack` (adb's
docs/dev/delayed_ack.md).
"""

from typing import Any

from adb_shell import constants, exceptions
from adb_shell.adb_device import _AdbIOManager
from adb_shell.adb_message import AdbMessage, unpack
from adb_shell.transport.base_transport import BaseTransport

from taskzip.device.transport.byte_sum import byte_sum
from taskzip.device.transport.tcp import TcpPipe

VERSION_WITHOUT_SUMS = 0x01000001
DELAYED_ACK = b"delayed_ack"

_BANNER = b"host::features=" + DELAYED_ACK
"""Without a NUL at its end, which a device would take for part of the last feature's name."""


class Packet(AdbMessage):  # type: ignore[misc]  # adb_shell carries no types
    """A packet whose sum is taken quickly, or not at all."""

    is_summed = True

    @property
    def checksum(self) -> int:
        """The sum of the data, or 0."""
        return byte_sum(self.data) if self.is_summed else 0


class Wire(_AdbIOManager):  # type: ignore[misc]  # likewise
    """A connection's packets; what the device can do is known once it has answered."""

    def __init__(self, transport: BaseTransport) -> None:
        super().__init__(transport)
        self.sums, self.delays = True, False

    def connect(self, *words: Any) -> Any:
        """As the package connects, and a connection that is opened again begins anew."""
        self.sums, self.delays = True, False
        return super().connect(*words)

    def _send(self, message: AdbMessage, adb_info: Any) -> None:
        if message.command == constants.ID_TO_WIRE[constants.CNXN]:
            message.arg0, message.data = VERSION_WITHOUT_SUMS, _BANNER
        packet = Packet(
            constants.WIRE_TO_ID[message.command], message.arg0, message.arg1, message.data
        )
        packet.is_summed = self.sums
        header, timeout_s = packet.pack(), adb_info.transport_timeout_s
        if isinstance(self._transport, TcpPipe):
            self._transport.write_all((header, packet.data), timeout_s)
            return
        self._transport.bulk_write(header, timeout_s)  # on USB each is a transfer of its own
        if packet.data:
            self._transport.bulk_write(packet.data, timeout_s)

    def _read_packet_from_device(self, adb_info: Any) -> tuple[bytes, int, int, bytes]:
        header = self._read_bytes_from_device(constants.MESSAGE_SIZE, adb_info)
        number, arg0, arg1, length, told_sum = unpack(header)
        command = constants.WIRE_TO_ID.get(number)
        if command is None:
            raise exceptions.InvalidCommandError(f"no packet begins with {header[:4]!r}")
        if length > constants.MAX_ADB_DATA:
            raise exceptions.InvalidResponseError(f"a packet of {length} bytes")
        data = self._read_bytes_from_device(length, adb_info) if length else b""
        if told_sum and told_sum != byte_sum(data):  # 0 is what newer devices say
            raise exceptions.InvalidChecksumError("a packet's bytes do not have the sum it tells")
        if command == constants.CNXN:
            self._learn(arg0, data)
        return command, arg0, arg1, data

    def _learn(self, version: int, banner: bytes) -> None:
        self.sums = version < VERSION_WITHOUT_SUMS
        features = banner.rstrip(b"\0").partition(b"features=")[2].partition(b";")[0]
        self.delays = DELAYED_ACK in features.split(b",")
