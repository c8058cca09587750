"""Connections that do not come about, and connections that break."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from adb_shell import constants
from adb_shell.adb_message import AdbMessage, unpack

from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import CONTRACT_VERSION
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import ConnectionLost, KeyRefused, NotAnswering, TransferFailed
from taskzip.device.session import open_session
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.keys import load_signer
from taskzip.device.transport.local import LocalTransport
from taskzip.device.virtual.state import RunningMachine

HELLO = {
    "kind": "hello",
    "contract": CONTRACT_VERSION,
    "runner_version": "double",
    "runtime": "litert",
    "runtime_version": "0",
    "pid": 1,
}


@contextmanager
def listening(serve) -> Iterator[int]:
    """A port of this computer; `serve` gets each connection, which is closed when it returns."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)


def receive(connection: socket.socket) -> tuple[bytes, int, bytes]:
    header = connection.recv(constants.MESSAGE_SIZE, socket.MSG_WAITALL)
    command, kind, _, length, _ = unpack(header)
    data = connection.recv(length, socket.MSG_WAITALL) if length else b""
    return constants.WIRE_TO_ID[command], kind, data


def send(connection: socket.socket, command: bytes, kind: int, data: bytes) -> None:
    message = AdbMessage(command, kind, constants.MAX_ADB_DATA, data)
    connection.sendall(message.pack() + message.data)


def wait_for_the_end(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def test_a_closed_port_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotAnswering, match=rf"127\.0\.0\.1:{port}: no ADB daemon.*refused"):
        Door(keys=tmp_path).open_tcp("127.0.0.1", port)


def test_a_host_that_does_not_exist_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(NotAnswering, match="no ADB daemon answers"):
        Door(keys=tmp_path).open_tcp("no-such-host.invalid", 5555)


def test_a_port_that_says_nothing_does_not_answer(tmp_path: Path) -> None:
    with (
        listening(wait_for_the_end) as port,
        pytest.raises(NotAnswering, match="timed out"),
    ):
        Door(Patience(connect_s=0.3), tmp_path).open_tcp("127.0.0.1", port)


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", b"short", b""])
def test_a_port_that_does_not_speak_adb_does_not_answer(tmp_path: Path, says: bytes) -> None:
    with (
        listening(lambda connection: connection.sendall(says)) as port,
        pytest.raises(NotAnswering, match="no ADB daemon answers"),
    ):
        Door(Patience(connect_s=2.0), tmp_path).open_tcp("127.0.0.1", port)


class Noting(Silent):
    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


@pytest.mark.parametrize("ending", ["hangs up", "stays silent"])
def test_a_refused_key_says_what_to_do(tmp_path: Path, ending: str) -> None:
    def refuse(connection: socket.socket) -> None:
        receive(connection)
        send(connection, constants.AUTH, constants.AUTH_TOKEN, bytes(20))
        if not connection.recv(1, socket.MSG_PEEK):
            return  # the first attempt, without a key
        receive(connection)
        send(connection, constants.AUTH, constants.AUTH_TOKEN, bytes(20))
        receive(connection)
        if ending == "stays silent":
            wait_for_the_end(connection)

    noting = Noting()
    with (
        listening(refuse) as port,
        pytest.raises(KeyRefused, match=r"did not accept this computer's key.*unlock"),
    ):
        Door(Patience(2.0, 0.5), tmp_path, noting).open_tcp("127.0.0.1", port)
    assert "accept this computer's key on its screen" in noting.steps[0]


def test_a_key_that_the_device_knows_opens_it_without_a_question(tmp_path: Path) -> None:
    def accept(connection: socket.socket) -> None:
        receive(connection)
        send(connection, constants.AUTH, constants.AUTH_TOKEN, bytes(20))
        if not connection.recv(1, socket.MSG_PEEK):
            return
        _, kind, signature = receive(connection)
        assert (kind, len(signature)) == (constants.AUTH_SIGNATURE, 256)
        send(connection, constants.CNXN, constants.VERSION, b"device::\0")
        wait_for_the_end(connection)

    noting = Noting()
    with listening(accept) as port:
        Door(Patience(2.0, 2.0), tmp_path, noting).open_tcp("127.0.0.1", port).close()
    assert noting.steps == []


def test_the_key_is_made_once_and_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    first = load_signer(folder).GetPublicKey()
    assert load_signer(folder).GetPublicKey() == first
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "adbkey": 0o600,
        "adbkey.pub": 0o600,
    }
    assert folder.stat().st_mode & 0o077 == 0


def test_a_key_that_others_may_read_is_theirs_no_longer(tmp_path: Path) -> None:
    known = load_signer(tmp_path).GetPublicKey()
    (tmp_path / "adbkey").chmod(0o644)
    assert load_signer(tmp_path).GetPublicKey() == known
    assert (tmp_path / "adbkey").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["adbkey", "adbkey.pub"])
def test_a_damaged_key_is_told_with_what_to_do(tmp_path: Path, name: str) -> None:
    load_signer(tmp_path)
    (tmp_path / name).write_bytes(b"\xff\x00")
    with pytest.raises(BadInput, match=r"adbkey.* no pair of keys .*remove both"):
        load_signer(tmp_path)


class Cable:
    """A TCP relay to a machine, which a test can cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def cut(self) -> None:
        """End every connection, and take no more."""
        for end in (self._server, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def remove(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(5.0)
        for end in (self._server, *self._ends):
            end.close()

    def _start(self, target, *args: object) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [near, far]
                self._start(self._relay, near, far)
                self._start(self._relay, far, near)

    @staticmethod
    def _relay(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)


@pytest.fixture
def cable(virtual_machine: RunningMachine) -> Iterator[Cable]:
    cable = Cable(virtual_machine.port)
    yield cable
    cable.remove()


@pytest.mark.device
def test_a_device_that_vanishes_during_a_push_is_a_lost_connection(
    cable: Cable, tmp_path: Path
) -> None:
    transport = Door(Patience(2.0), tmp_path).open_tcp("127.0.0.1", cable.port)
    (tmp_path / "file").write_bytes(bytes(30_000_000))
    with pytest.raises(ConnectionLost, match=r"broke during push of /data/local/tmp/file"):
        transport.push(tmp_path / "file", "/data/local/tmp/file", lambda _: cable.cut())
    with pytest.raises(NotAnswering):
        transport.shell(["true"])


@pytest.mark.device
def test_a_device_that_vanishes_during_a_run_is_a_lost_connection(
    cable: Cable, tmp_path: Path
) -> None:
    transport = Door(Patience(2.0), tmp_path).open_tcp("127.0.0.1", cable.port)
    stream = transport.lines(["sh", "-c", "echo one; sleep 600"], silence_s=30.0)
    assert next(stream) == b"one"
    cable.cut()
    with pytest.raises(ConnectionLost, match="check the device and try again"):
        next(stream)


@pytest.mark.device
def test_a_device_that_vanishes_in_a_session_is_told_and_the_next_session_cleans_up(  # noqa: PLR0913, PLR0917  # fixtures
    cable: Cable,
    virtual_machine: RunningMachine,
    make_package,
    bundle_dir: Path,
    spec: RunSpec,
    tmp_path: Path,
) -> None:
    package = make_package(f"echo '{json.dumps(HELLO)}'; exec sleep 600")
    door = Door(Patience(5.0), tmp_path)

    def run_over_the_cable() -> None:
        transport = door.open_tcp("127.0.0.1", cable.port)
        with open_session(
            transport, package, bundle_dir, keep_pushed=True, progress=Silent()
        ) as session:
            for _ in session.run(spec):
                cable.cut()

    with pytest.raises(ConnectionLost) as error:
        run_over_the_cable()
    assert "cleaning up failed as well" in error.value.__notes__[0]
    transport = door.open_tcp("127.0.0.1", virtual_machine.port)
    with open_session(
        transport, package, bundle_dir, keep_pushed=False, progress=Silent(), lock_wait_s=20.0
    ) as session:
        assert session.pushed.files == 0
    assert transport.shell(["ls", transport.base]).checked().stdout == b""
    survivors = transport.shell(["sh", "-c", "ps -ef | grep '[s]leep 600'"]).text
    assert survivors == ""
    transport.close()


@pytest.mark.device
def test_a_full_disk_during_a_push_is_told_and_the_connection_recovers(
    virtual_machine: RunningMachine, tmp_path: Path
) -> None:
    door = Door(Patience(20.0), tmp_path)
    transport = door.open_tcp("127.0.0.1", virtual_machine.port, transfer_silence_s=3.0)
    (tmp_path / "file").write_bytes(bytes(8_000_000))
    small = "/data/local/tmp/small"
    mount = 'mkdir "$1" && mount -t tmpfs -o size=1m small "$1"'
    transport.shell(["sh", "-c", mount, "x", small]).checked()
    try:
        with pytest.raises(TransferFailed, match="No space left on device"):
            transport.push(tmp_path / "file", f"{small}/file")
        assert transport.shell(["echo", "next"]).checked().stdout == b"next\n"
    finally:
        transport.shell(["sh", "-c", 'umount "$1" && rmdir "$1"', "x", small]).checked()
        transport.close()


def test_a_local_command_ends_with_its_stream_under_nohup_too(local: LocalTransport) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stream = local.lines(["sh", "-c", "echo $$; exec sleep 600"])
        pid = int(next(stream))
        stream.close()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ends_within(10, pid)


def ends_within(seconds: float, pid: int) -> bool:
    """Whether the process is gone by then: killed, and its new parent has noticed."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
