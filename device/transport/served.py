"""A device through a running adb server: each operation has a connection of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskzip.contracts.progress import Progress
from taskzip.device.errors import ConnectionLost, TookTooLong, TransferFailed
from taskzip.device.parse.served import READY
from taskzip.device.transport.adb import DEVICE_FOLDER, TRANSFER_SILENCE_S
from taskzip.device.transport.protocol import MAX_PULL_BYTES, OnBytes, Span
from taskzip.device.transport.server import AdbServer, unreachable
from taskzip.device.transport.stream import Chunks, Command
from taskzip.device.transport.streaming import StreamingTransport
from taskzip.device.transport.sync import receive_file, send_file
from taskzip.device.transport.transfer import Reading, Sink, Source, reading, writing

_CHUNK_BYTES = 65536
_POLL_S = 0.2
_PASSING = ("unauthorized", "authorizing", "connecting")


class ServedTransport(StreamingTransport):
    """Streams through the server; nothing is open between calls."""

    def __init__(
        self,
        serial: str,
        server: AdbServer,
        base: str = DEVICE_FOLDER,
        transfer_silence_s: float = TRANSFER_SILENCE_S,
    ) -> None:
        super().__init__(serial, base)
        self._server, self._transfer_silence_s = server, transfer_silence_s

    def push(
        self, local: Path, remote: str, on_bytes: OnBytes | None = None, span: Span | None = None
    ) -> None:
        """Copy a file to the device."""
        with (
            reading(local) as file,
            self._doing(f"push of {remote}"),
            self._server.service(self._serial, "sync:", self._transfer_silence_s) as stream,
        ):
            source = Source(Reading(file, span), on_bytes)
            send_file(stream, source, remote, int(time.time()))

    def pull(self, remote: str, local: Path, max_bytes: int = MAX_PULL_BYTES) -> None:
        """Copy a file from the device."""
        with (
            writing(local) as file,
            self._doing(f"pull of {remote}"),
            self._server.service(self._serial, "sync:", self._transfer_silence_s) as stream,
        ):
            receive_file(stream, remote, Sink(local, file, max_bytes))

    def close(self) -> None:
        """Nothing is open between calls."""

    def _chunks(self, command: Command, silence_s: float, deadline: float | None = None) -> Chunks:
        service = f"shell:{command.wrapped.command}"
        with (
            self._doing(f"`{command.name}`"),
            self._server.service(self._serial, service, silence_s) as stream,
        ):
            yield b""
            while data := stream.recv(_CHUNK_BYTES):
                yield data
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """What sockets raise becomes an error of this room."""
        try:
            yield
        except TransferFailed as error:
            raise TransferFailed(f"{self._serial}: {what} failed: {error}") from error
        except TimeoutError as error:
            raise TookTooLong(f"{self._serial}: {what} went silent; gave up") from error
        except OSError as error:
            raise ConnectionLost(
                f"{self._serial}: the connection through the adb server at {self._server} broke "
                f"during {what} ({error}); check the device and `adb devices`, and try again"
            ) from error


def await_ready(server: AdbServer, serial: str, wait_s: float, progress: Progress) -> None:
    """Return once commands reach the device; KeyRefused when nobody accepts the server's key."""
    end = time.monotonic() + wait_s
    told = False
    while True:
        states = {found.serial: found.state for found in server.devices()}
        state = states.get(serial, "not listed")
        if state == READY:
            return
        if state not in _PASSING or time.monotonic() > end:
            raise unreachable(serial, state)
        if not told:
            progress.step(
                f"{serial}: {state}; unlock the device and accept the computer's key on its "
                f"screen (waiting {wait_s:g} s)"
            )
            told = True
        time.sleep(_POLL_S)
