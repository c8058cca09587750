"""A folder on this computer as a device: a real shell and real files, no device needed.

It stands in for a device in tests, and runs the runner built for the host. It passes the same
contract tests as the ADB transports.
"""

import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

from taskzip.device.errors import TookTooLong, TransferFailed
from taskzip.device.transport.protocol import MAX_PULL_BYTES, OnBytes, Span
from taskzip.device.transport.stream import Chunks, Command
from taskzip.device.transport.streaming import StreamingTransport
from taskzip.device.transport.transfer import Reading

_CHUNK_BYTES = 65536
_HANG_UP_SECONDS = 2.0
# As adbd does, when this process ends, however it ends: its end of the pipe closes with it. On
# hanging up, the command's own shell kills the group; this one must not be gone before.
_UNTIL_THIS_PROCESS_ENDS = r"""
trap : HUP
exec 3<&0 </dev/null
{ read -r _ <&3; kill -9 0; } >/dev/null 2>&1 &
sh -c "$1" 3<&-
kill -9 $!
"""


class LocalTransport(StreamingTransport):
    """Commands run in `/bin/sh`, each in a session of its own that ends with its stream."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"local:{folder.resolve()}", str(folder.resolve()))

    def push(
        self, local: Path, remote: str, on_bytes: OnBytes | None = None, span: Span | None = None
    ) -> None:
        """Copy a file."""
        target = Path(remote)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with local.open("rb") as source, target.open("wb") as sink:
                reading = Reading(source, span)
                while data := reading.read(_CHUNK_BYTES):
                    sink.write(data)
                    if on_bytes is not None:
                        on_bytes(len(data))
        except OSError as error:
            raise TransferFailed(f"{self._serial}: {remote}: {error.strerror}") from error

    def pull(self, remote: str, local: Path, max_bytes: int = MAX_PULL_BYTES) -> None:
        """Copy a file back."""
        try:
            size = Path(remote).stat().st_size
            if size > max_bytes:
                raise TransferFailed(
                    f"{self._serial}: {remote} is longer than the {max_bytes} bytes it may have"
                )
            shutil.copyfile(remote, local)
        except OSError as error:
            raise TransferFailed(f"{self._serial}: {remote}: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is open between calls."""

    def _chunks(self, command: Command, silence_s: float, deadline: float | None = None) -> Chunks:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _UNTIL_THIS_PROCESS_ENDS, "local", command.wrapped.command],
            cwd=self._base,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield b""
            yield from _read(process, command, silence_s, deadline)
        finally:
            _end(process)


def _read(
    process: "subprocess.Popen[bytes]", command: Command, silence_s: float, deadline: float | None
) -> Chunks:
    assert process.stdout is not None  # noqa: S101  # Popen was given a pipe
    descriptor = process.stdout.fileno()
    while True:
        wait_s = silence_s if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([descriptor], [], [], wait_s)
        if not readable:
            raise TookTooLong(
                f"{command.serial}: `{command.name}` was silent for {silence_s:g} s; gave up"
            )
        data = os.read(descriptor, _CHUNK_BYTES)
        if not data:
            return
        yield data


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Hang up on everything the command left running, as a closed ADB stream does."""
    with_group = process.poll() is None
    if with_group:
        os.killpg(process.pid, signal.SIGHUP)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_HANG_UP_SECONDS)
    except subprocess.TimeoutExpired:  # under `nohup` all that it starts ignores hanging up
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
