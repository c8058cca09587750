"""Files to devices of both protocols: with sums and a wait after each packet, and without."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskzip.device.errors import TransferFailed
from taskzip.device.transport.adb import AdbTransport
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.quick import WINDOW_BYTES
from tests.device.transport.adbd import NEW, OLD, Daemon
from tests.device.transport.test_trouble import listening

SIZE = WINDOW_BYTES + (3 << 20)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(os.urandom(SIZE))
    return tmp_path / "file"


@contextmanager
def connected(daemon: Daemon, keys: Path) -> Iterator[AdbTransport]:
    with listening(daemon.serve) as port:
        transport = Door(Patience(5.0), keys).open_tcp("127.0.0.1", port, transfer_silence_s=5.0)
        yield transport
        transport.close()


@pytest.mark.parametrize(
    ("daemon", "has_sums"),
    [
        (Daemon(OLD, b""), True),
        (Daemon(NEW, b"features=shell_v2,cmd\0"), False),
        (Daemon(NEW, b"ro.x=1;features=cmd,delayed_ack;y=2"), False),
        (Daemon(OLD, b"features=delayed_ack"), True),
    ],
)
def test_files_arrive_by_one_stream_whatever_the_device_speaks(
    daemon: Daemon, has_sums: bool, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "more").write_bytes(b"more")
    files = [file, tmp_path / "more", file]
    with connected(daemon, tmp_path) as transport:
        for each in files:
            transport.push(each, "/there")
    assert daemon.files() == [each.read_bytes() for each in files]
    assert any(daemon.sums) == has_sums
    assert [*daemon.services.values()] == [b"sync"]
    assert daemon.closed == []


def test_a_command_closes_the_stream_of_files(file: Path, tmp_path: Path) -> None:
    daemon = Daemon(NEW, b"features=delayed_ack")
    with connected(daemon, tmp_path) as transport:
        transport.push(file, "/there")
        assert daemon.closed == []
        assert transport.shell(["echo", "said"]).text == "said\n"
        assert daemon.services[daemon.closed[0]] == b"sync"
        transport.push(file, "/there")
    assert [*daemon.services.values()] == [b"sync", b"shell", b"sync"]


def test_what_follows_does_not_wait_for_acknowledgements(file: Path, tmp_path: Path) -> None:
    daemon = Daemon(NEW, b"features=delayed_ack", late_bytes=WINDOW_BYTES - (1 << 20))
    with connected(daemon, tmp_path) as transport:
        transport.push(file, "/there")
        daemon.late_bytes = len(daemon.received) + WINDOW_BYTES - (1 << 20)
        transport.push(file, "/there")
    assert daemon.files() == 2 * [file.read_bytes()]


@pytest.mark.parametrize("features", [b"", b"features=delayed_ack"])
def test_a_device_that_refuses_is_not_sent_the_rest(
    features: bytes, file: Path, tmp_path: Path
) -> None:
    daemon = Daemon(NEW, features, refusal=b"No space left on device")
    with (
        connected(daemon, tmp_path) as transport,
        pytest.raises(TransferFailed, match="No space left on device"),
    ):
        transport.push(file, "/there")
    assert len(daemon.received) < SIZE
    assert daemon.closed == [*daemon.services]
