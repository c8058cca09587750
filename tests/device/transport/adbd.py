"""An ADB daemon of this process that takes files, as old and as new devices do."""

import socket
import struct
import subprocess
from dataclasses import dataclass, field

from adb_shell import constants
from adb_shell.adb_message import AdbMessage, unpack

OLD, NEW = 0x01000000, 0x01000001
GRANTED_BYTES = 32 << 20
REMOTE = 7


@dataclass
class Daemon:
    """Serves connections one after the other, and remembers what it was sent."""

    version: int
    features: bytes
    late_bytes: int = 0
    """It acknowledges nothing before it has that much."""
    refusal: bytes | None = None
    """What it says of a file instead of taking it."""
    received: bytearray = field(default_factory=bytearray)
    sums: list[int] = field(default_factory=list)
    services: dict[int, bytes] = field(default_factory=dict)
    """Those that were asked for, by the number of the stream; a shell's commands are run."""
    closed: list[int] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        """One connection to its end."""
        self._connection = connection
        unacknowledged = 0
        while header := connection.recv(constants.MESSAGE_SIZE, socket.MSG_WAITALL):
            number, arg0, arg1, length, told_sum = unpack(header)
            data = connection.recv(length, socket.MSG_WAITALL) if length else b""
            command = constants.WIRE_TO_ID[number]
            if command == constants.CNXN:
                self._send(constants.CNXN, self.version, 1 << 20, b"device::" + self.features)
                self.delays = b"delayed_ack" in data and b"delayed_ack" in self.features
            elif command == constants.OPEN:
                self._local = arg0
                assert bool(arg1) == self.delays
                self._okay(GRANTED_BYTES)
                self.services[arg0], _, command = data.removesuffix(b"\0").partition(b":")
                if self.services[arg0] == b"shell":
                    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True)
                    self._send(constants.WRTE, REMOTE, arg0, done.stdout)
                    self._send(constants.CLSE, REMOTE, arg0, b"")
            elif command == constants.CLSE:
                self.closed.append(arg0)
                self._send(constants.CLSE, REMOTE, self._local, b"")
            elif command == constants.WRTE:
                self.sums.append(told_sum)
                self.received += data
                unacknowledged += length
                if len(self.received) >= self.late_bytes:
                    self._okay(unacknowledged)
                    unacknowledged = 0
                self._answer(data)

    def _answer(self, data: bytes) -> None:
        if self.refusal is not None:
            fail = b"FAIL" + struct.pack("<I", len(self.refusal)) + self.refusal
            self._send(constants.WRTE, REMOTE, self._local, fail)
        elif data[-8:-4] == b"DONE":
            self._send(constants.WRTE, REMOTE, self._local, b"OKAY" + bytes(4))

    def _okay(self, count: int) -> None:
        number = struct.pack("<i", count) if self.delays else b""
        self._send(constants.OKAY, REMOTE, self._local, number)

    def _send(self, command: bytes, arg0: int, arg1: int, data: bytes) -> None:
        message = AdbMessage(command, arg0, arg1, data)
        header = bytearray(message.pack())
        if self.version == NEW:
            header[16:20] = bytes(4)  # no sum
        self._connection.sendall(bytes(header) + data)

    def files(self) -> list[bytes]:
        """The content of each file that was sent."""
        rest, contents = memoryview(self.received), []
        while rest:
            word, count = bytes(rest[:4]), int.from_bytes(rest[4:8], "little")
            if word == b"SEND":
                contents.append(b"")
            elif word == b"DATA":
                contents[-1] += rest[8 : 8 + count]
            rest = rest[8 + (0 if word == b"DONE" else count) :]
        return contents
