"""A TCP relay to a device that breaks connections in several ways."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

CHUNK_BYTES = 65536
DELAY_S = 0.02
TRUNCATED_BYTES = 10
"""Less than a packet's header."""


class Proxy:
    """Connections that are made after a fault are sound, as with a cable that is put back."""

    def __init__(self, port: int) -> None:
        self._far_port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._lines: list[_Line] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        self.on_accept: Callable[[], None] = lambda: None

    def drop(self) -> None:
        """End all connections at once."""
        for line in self._lines:
            line.end()

    def stall(self) -> None:
        """Pass nothing on any more, without ending a connection."""
        for line in self._lines:
            line.is_stalled = True

    def truncate(self) -> None:
        """Pass some bytes more, and end connections in the middle of a packet."""
        for line in self._lines:
            line.left_bytes = TRUNCATED_BYTES

    def delay(self) -> None:
        """Hold all that passes back for a while."""
        for line in self._lines:
            line.delay_s = DELAY_S

    def close(self) -> None:
        """End everything."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._accepting.join(5.0)
        self.drop()
        for line in self._lines:
            line.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._far_port))
                self._lines.append(_Line(near, far))
                self.on_accept()
                self._lines[-1].start()


class _Line:
    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._ends = near, far
        self._threads = [
            threading.Thread(target=self._relay, args=ends, daemon=True)
            for ends in ((near, far), (far, near))
        ]
        self.is_stalled = False
        self.left_bytes: int | None = None
        self.delay_s = 0.0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(5.0)
        for end in self._ends:
            end.close()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                time.sleep(self.delay_s)
                if self.is_stalled:
                    continue
                if self.left_bytes is not None:
                    sink.sendall(data[: self.left_bytes])
                    break
                sink.sendall(data)
        self.end()
