"""An adb server as a client meets it: one that this file plays, word by word."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from adb_shell.adb_device import AdbDevice

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.device.errors import (
    ConnectionLost,
    KeyRefused,
    NotAnswering,
    TookTooLong,
    TransferFailed,
    UsbOccupied,
)
from taskzip.device.parse.served import Served, parse_served
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.served import ServedTransport
from taskzip.device.transport.server import AdbServer, listed_by, usual_server
from taskzip.device.transport.tcp import TcpPipe

LISTED = """\
0a388e93               device usb:1-1 product:razor model:Nexus_7 device:flo transport_id:1
adb-R5-xy._adb-tls-connect._tcp device product:a model:Pixel_8 device:b transport_id:4
emulator-5554          offline transport_id:2
HT7B               unauthorized usb:1-2 transport_id:3
"""
Answer = Callable[[socket.socket], None]


class Noting(Silent):
    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


def block(text: str) -> bytes:
    return b"%04x" % len(text) + text.encode()


def request_of(stream: socket.socket) -> str:
    length = stream.recv(4, socket.MSG_WAITALL)
    return stream.recv(int(length, 16), socket.MSG_WAITALL).decode() if length else ""


@contextmanager
def server_that(*answers: Answer | bytes) -> Iterator[AdbServer]:
    """A server that answers its first requests, on whatever connections, in turn."""
    left = list(answers)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while left:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    while left and request_of(connection):
                        answer = left.pop(0)
                        if isinstance(answer, bytes):
                            connection.sendall(answer)
                        else:
                            answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield AdbServer("127.0.0.1", listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)


def opened(server: AdbServer) -> ServedTransport:
    return ServedTransport("HT7B", server, transfer_silence_s=0.5)


def test_the_servers_list_tells_serial_state_and_model() -> None:
    assert parse_served(LISTED) == (
        Served("0a388e93", "device", "Nexus_7"),
        Served("adb-R5-xy._adb-tls-connect._tcp", "device", "Pixel_8"),
        Served("emulator-5554", "offline"),
        Served("HT7B", "unauthorized"),
    )
    assert parse_served("\n* daemon\n\x1b[2J x\n") == (Served("*", "daemon"), Served("[2J", "x"))


def test_a_server_lists_its_devices_and_none_is_none() -> None:
    with server_that(b"OKAY" + block(LISTED)) as server:
        assert len(listed_by(server)) == 4
    assert listed_by(server) == ()
    with pytest.raises(NotAnswering, match=r"no adb server answers at .*adb start-server"):
        server.devices()


@pytest.mark.parametrize(
    "says", [b"HTTP", b"", b"OKAYzzzz", b"OKAY00ffshort", b"FAIL" + block("x")]
)
def test_what_is_no_adb_server_has_no_devices(says: bytes) -> None:
    with server_that(says) as server:
        assert listed_by(server) == ()


def test_the_server_is_the_one_that_adb_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANDROID_ADB_SERVER_PORT", raising=False)
    monkeypatch.delenv("ANDROID_ADB_SERVER_ADDRESS", raising=False)
    assert usual_server() == AdbServer("127.0.0.1", 5037)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "5038")
    assert usual_server() == AdbServer("127.0.0.1", 5038)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "adb")
    with pytest.raises(BadInput, match="ANDROID_ADB_SERVER_PORT is 'adb'"):
        usual_server()


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        ("device unauthorized.\nThis adb server's", KeyRefused, "accept the key on its screen"),
        ("device offline", NotAnswering, "cannot reach the device \\(device offline\\)"),
        ("device 'HT7B' not found", NotAnswering, "not found"),
    ],
)
def test_a_device_that_the_server_cannot_reach_is_told(said, error, message) -> None:
    with (
        server_that(b"FAIL" + block(said)) as server,
        pytest.raises(error, match=message),
    ):
        opened(server).shell(["true"])


def test_a_server_that_ends_during_a_command_is_a_lost_connection() -> None:
    with (
        server_that(b"OKAY", b"OKAYhalf") as server,
        pytest.raises(ConnectionLost, match="no exit code after 4 bytes"),
    ):
        opened(server).shell(["true"])
    with pytest.raises(NotAnswering, match="adb start-server"):
        opened(server).shell(["true"])


def test_a_command_that_no_server_takes_is_refused_before_it_is_sent() -> None:
    with server_that(b"OKAY") as server, pytest.raises(TransferFailed, match="takes 65535; stop"):
        opened(server).shell(["echo", "x" * 70_000])


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        (b"FAIL" + struct.pack("<I", 9) + b"disk full", TransferFailed, "disk full"),
        (b"FAIL" + struct.pack("<I", 1 << 31) + b"x", ConnectionLost, "broke during p"),
        (b"OOPS" + struct.pack("<I", 0), TransferFailed, "b'OOPS' 0, which means nothing"),
        (b"DATA" + struct.pack("<I", 1 << 30), TransferFailed, "means nothing"),
        (b"FA", ConnectionLost, "broke during p"),
    ],
)
@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_transfer_that_goes_wrong_says_why(way, said, error, message, tmp_path: Path) -> None:
    def answer(stream: socket.socket) -> None:
        stream.sendall(b"OKAY")
        stream.recv(1 << 16)
        stream.sendall(said)
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(1 << 16):
            pass

    file = tmp_path / "file"
    file.write_bytes(b"content")
    with server_that(b"OKAY", answer) as server:
        device = opened(server)
        move = {"push": lambda: device.push(file, "/d"), "pull": lambda: device.pull("/d", file)}
        with pytest.raises(error, match=message):
            move[way]()


def test_a_silent_server_is_given_up() -> None:
    def say_nothing(stream: socket.socket) -> None:
        stream.sendall(b"OKAY")
        stream.recv(1)

    with server_that(b"OKAY", say_nothing) as server, pytest.raises(TookTooLong, match="silent"):
        opened(server).shell(["true"], timeout_s=0.2)


def test_a_device_that_has_not_accepted_the_server_is_waited_for() -> None:
    noting, listed = Noting(), b"OKAY" + block("HT7B unauthorized")
    with server_that(listed, listed, b"OKAY" + block("HT7B device")) as server:
        transport = Door(Patience(key_s=5.0), progress=noting, server=server).open_served("HT7B")
    assert transport.serial == "HT7B"
    (told,) = noting.steps
    assert "accept the computer's key on its screen (waiting 5 s)" in told


@pytest.mark.parametrize(("state", "error"), [("unauthorized", KeyRefused), ("no", NotAnswering)])
def test_a_device_that_never_becomes_ready_is_told(state: str, error: type[Exception]) -> None:
    listed = b"OKAY" + block(f"HT7B {state}")
    with server_that(*[listed] * 9) as server, pytest.raises(error, match="HT7B"):
        Door(Patience(key_s=0.1), server=server).open_served("HT7B")


class Occupied(AdbDevice):
    """A phone on USB whose interface another program has claimed."""

    def connect(self, *_: object, **__: object) -> bool:
        usb1 = pytest.importorskip("usb1")
        raise usb1.USBErrorBusy


def occupied(_: str) -> AdbDevice:
    return Occupied(TcpPipe("127.0.0.1", 1))


def test_a_phone_that_the_server_holds_is_reached_through_it(tmp_path: Path) -> None:
    noting, listed = Noting(), b"OKAY" + block("HT7B device")
    with server_that(listed, listed) as server:
        door = Door(keys=tmp_path, progress=noting, server=server, usb=occupied)
        assert isinstance(door.open_usb("HT7B"), ServedTransport)
    assert "holds the phone's USB interface; going through the server" in noting.steps[0]


def test_a_phone_that_another_program_holds_says_what_to_do(tmp_path: Path) -> None:
    with server_that(b"OKAY" + block("other device")) as server:
        door = Door(keys=tmp_path, server=server, usb=occupied)
        with pytest.raises(UsbOccupied, match=r"another program.*adb start-server"):
            door.open_usb("HT7B")
