"""A TCP connection for `adb_shell` that writes everything and notices the other end's close.

The package's own one sends what the socket takes at once and drops the rest, and reads an ended
connection as an endless run of empty packets.
"""

import socket
from collections.abc import Sequence

from adb_shell.transport.base_transport import BaseTransport


class TcpPipe(BaseTransport):  # type: ignore[misc]  # adb_shell carries no types
    """Bytes to and from HOST:PORT; OSError for everything that goes wrong."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None

    def connect(self, transport_timeout_s: float | None) -> None:
        """Open the connection."""
        self._socket = socket.create_connection(self._address, timeout=transport_timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the connection if it is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def bulk_read(self, numbytes: int, transport_timeout_s: float | None) -> bytes:
        """Between 1 and `numbytes` bytes."""
        connection = self._open_socket(transport_timeout_s)
        data = connection.recv(numbytes)
        if not data:
            raise ConnectionResetError("the device closed the connection")
        return data

    def bulk_write(self, data: bytes, transport_timeout_s: float | None) -> int:
        """Write all of `data`; its length."""
        self._open_socket(transport_timeout_s).sendall(data)
        return len(data)

    def write_all(self, parts: Sequence[bytes], transport_timeout_s: float | None) -> None:
        """Write the parts as one: what follows a header need not wait for it to arrive."""
        connection = self._open_socket(transport_timeout_s)
        sent = connection.sendmsg(parts)
        for part in parts:
            if sent < len(part):
                connection.sendall(memoryview(part)[sent:])
            sent = max(sent - len(part), 0)

    def _open_socket(self, timeout_s: float | None) -> socket.socket:
        if self._socket is None:
            raise ConnectionResetError("the connection is closed")
        self._socket.settimeout(timeout_s)
        return self._socket
