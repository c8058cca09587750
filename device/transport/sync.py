"""Files through adbd's sync service, over a stream: adb's docs/dev/sync.md.

A message is four letters and a little-endian number: DATA and its length, DONE and a time, FAIL
and the length of what went wrong.
"""

import socket
import struct
from typing import BinaryIO

from taskzip.device.errors import TransferFailed
from taskzip.device.parse.text import printable
from taskzip.device.transport.server import receive_exactly

CHUNK_BYTES = 64 * 1024

_HEADER = struct.Struct("<4sI")
_MODE = 0o100644
_MAX_SAID_BYTES = 4096


def send_file(stream: socket.socket, source: BinaryIO, remote: str, modified: int) -> None:
    """Write a file on the device; TransferFailed with its reason when it refuses."""
    _send(stream, b"SEND", f"{remote},{_MODE}".encode())
    while data := source.read(CHUNK_BYTES):
        _send(stream, b"DATA", data)
    stream.sendall(_HEADER.pack(b"DONE", modified))
    word, count = _receive(stream)
    if word != b"OKAY":
        raise _failure(stream, word, count)


def receive_file(stream: socket.socket, remote: str, sink: BinaryIO) -> None:
    """Read a file of the device into `sink`; TransferFailed when the device refuses."""
    _send(stream, b"RECV", remote.encode())
    while True:
        word, count = _receive(stream)
        if word == b"DONE":
            return
        if word != b"DATA" or count > CHUNK_BYTES:
            raise _failure(stream, word, count)
        sink.write(receive_exactly(stream, count))


def _send(stream: socket.socket, word: bytes, data: bytes) -> None:
    stream.sendall(_HEADER.pack(word, len(data)) + data)


def _receive(stream: socket.socket) -> tuple[bytes, int]:
    word, count = _HEADER.unpack(receive_exactly(stream, _HEADER.size))
    return word, count


def _failure(stream: socket.socket, word: bytes, count: int) -> TransferFailed:
    if word != b"FAIL":
        return TransferFailed(f"the device answered {word!r} {count}, which means nothing here")
    said = receive_exactly(stream, min(count, _MAX_SAID_BYTES)).decode(errors="replace")
    return TransferFailed(printable(said))
