"""A running adb server as a client sees it: what devices it has, and streams to their services.

A request is four hexadecimal digits of length and that many bytes; the answer is OKAY, or FAIL and
a message of the same form (adb's docs/dev/services.md). Libraries for this (adbutils, ppadb) start
servers of their own, send without looking what was taken, and bring an adb and an imaging library.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from taskzip.contracts.errors import BadInput
from taskzip.device.errors import KeyRefused, NotAnswering, TransferFailed
from taskzip.device.parse.served import Served, parse_served
from taskzip.device.parse.text import printable

MAX_REQUEST_BYTES = 0xFFFF
CONNECT_S = 10.0

_MAX_ANSWER_BYTES = 0xFFFF
_HEX_DIGITS = 4
_USUAL_PORT = "5037"


class Refused(Exception):
    """The server answered FAIL; the message is its own."""


@dataclass(frozen=True)
class AdbServer:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def devices(self) -> tuple[Served, ...]:
        """The devices that the server has; NotAnswering when there is no server."""
        try:
            with self._requested("host:devices-l", CONNECT_S) as stream:
                return parse_served(_text(stream))
        except (Refused, OSError) as error:
            raise NotAnswering(f"the adb server at {self} lists no devices: {error}") from error

    @contextmanager
    def service(self, serial: str, name: str, silence_s: float) -> Iterator[socket.socket]:
        """A stream to a service of the device's adbd; it ends with the block.

        Raises NotAnswering, KeyRefused or TransferFailed; while it is used, TimeoutError after
        `silence_s`, and other OSErrors when it breaks.
        """
        try:
            with self._requested(f"host:transport:{serial}", CONNECT_S) as stream:
                stream.settimeout(silence_s)
                _request(stream, name)
                yield stream
        except Refused as error:
            raise unreachable(serial, str(error)) from error

    @contextmanager
    def _requested(self, request: str, timeout_s: float) -> Iterator[socket.socket]:
        try:
            connection = socket.create_connection((self.host, self.port), timeout=timeout_s)
        except OSError as error:
            raise NotAnswering(
                f"no adb server answers at {self} ({error}); start it with `adb start-server`"
            ) from error
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _request(connection, request)
            yield connection


def usual_server() -> AdbServer:
    """The server that `adb` itself would use; BadInput when its port is none."""
    host = os.environ.get("ANDROID_ADB_SERVER_ADDRESS") or "127.0.0.1"
    port = os.environ.get("ANDROID_ADB_SERVER_PORT") or _USUAL_PORT
    if not (port.isascii() and port.isdigit()):
        raise BadInput(f"ANDROID_ADB_SERVER_PORT is {port!r}, not a port")
    return AdbServer(host, int(port))


def listed_by(server: AdbServer) -> tuple[Served, ...]:
    """The devices that the server has; none where there is no server."""
    with suppress(NotAnswering):
        return server.devices()
    return ()


def receive_exactly(stream: socket.socket, count: int) -> bytes:
    """That many bytes; ConnectionResetError when the stream ends before."""
    data = bytearray()
    while len(data) < count:
        chunk = stream.recv(count - len(data))
        if not chunk:
            raise ConnectionResetError("the adb server closed the connection")
        data += chunk
    return bytes(data)


def _request(stream: socket.socket, request: str) -> None:
    data = request.encode()
    if len(data) > MAX_REQUEST_BYTES:
        raise TransferFailed(
            f"a command of {len(data)} bytes is too long for an adb server, which takes "
            f"{MAX_REQUEST_BYTES}; stop the server (`adb kill-server`) to reach the device directly"
        )
    stream.sendall(b"%04x" % len(data) + data)
    status = receive_exactly(stream, len(b"OKAY"))
    if status == b"FAIL":
        raise Refused(printable(_text(stream)))
    if status != b"OKAY":
        said = printable(status.decode("latin-1"))
        raise NotAnswering(f"what listens there is no adb server: it answers {said!r}")


def _text(stream: socket.socket) -> str:
    digits = receive_exactly(stream, _HEX_DIGITS)
    try:
        length = int(digits, 16)
    except ValueError as error:
        raise ConnectionResetError(f"no length: {digits!r}") from error
    return receive_exactly(stream, min(length, _MAX_ANSWER_BYTES)).decode(errors="replace")


def unreachable(serial: str, said: str) -> KeyRefused | NotAnswering:
    """The error for a device of which the server says that."""
    if "unauthorized" in said:
        return KeyRefused(
            f"{serial}: the device has not accepted the key of the adb server; unlock it, accept "
            f"the key on its screen, and run the command again"
        )
    return NotAnswering(
        f"{serial}: the adb server cannot reach the device ({said}); check the cable or the "
        f"wireless debugging, and `adb devices`"
    )
