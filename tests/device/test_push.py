"""Pushing by manifest: what is skipped, what is pushed again, and what is refused."""

import hashlib
import os
from pathlib import Path

import pytest

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.report import Pushed
from taskzip.device.errors import DeviceFull, ParseTrouble, TransferFailed
from taskzip.device.manifest import Item
from taskzip.device.parse.files import parse_state
from taskzip.device.push import MARGIN_BYTES, free_bytes, push_items
from taskzip.device.select import open_device, resolve
from taskzip.device.survey import Known, format_stamp, parse_stamp
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import OnBytes, Transport
from taskzip.device.virtual.state import RunningMachine


def item_of(folder: Path, path: str, content: bytes, mode: int = 0o644) -> Item:
    local = folder / path.replace("/", "_")
    local.write_bytes(content)
    return Item(local, path, len(content), hashlib.sha256(content).hexdigest(), mode)


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    return [
        item_of(tmp_path, "bundle/a.bin", os.urandom(200_000)),
        item_of(tmp_path, "bundle/deep/b.bin", b"b"),
        item_of(tmp_path, "runner/bin/run", b"#!/bin/sh\n", 0o755),
    ]


def push(transport: Transport, items: list[Item]) -> Pushed:
    return push_items(transport, f"{transport.base}/work", items, Silent()).pushed


def change(transport: Transport, text: str) -> None:
    transport.shell(["sh", "-c", f'cd "$1/work" && {text}', "x", transport.base]).checked()


def listing(transport: Transport) -> str:
    text = 'cd "$1/work" && find . -type f ! -name .stamp -exec sha256sum {} + | sort'
    return transport.shell(["sh", "-c", text, "x", transport.base]).checked().text


def expected_listing(items: list[Item]) -> str:
    return "".join(sorted(f"{item.sha256}  ./{item.path}\n" for item in items))


def test_the_folder_holds_exactly_the_manifest(transport: Transport, items: list[Item]) -> None:
    transport.shell(["mkdir", "-p", f"{transport.base}/work/old"]).checked()
    change(transport, ": >old/stale; : >'b a d'; : >.hidden; : >bundle.partial; ln -s / link")
    first = push(transport, items)
    assert (first.files, first.bytes) == (3, sum(item.bytes for item in items))
    assert listing(transport) == expected_listing(items)
    ran = transport.shell([f"{transport.base}/work/runner/bin/run"])
    assert ran.exit_code == 0
    assert push(transport, items).files == 0


@pytest.mark.parametrize(
    "tampering",
    [
        "printf X | dd of=bundle/a.bin conv=notrunc 2>/dev/null",
        "cp -p bundle/a.bin o; printf X | dd of=bundle/a.bin conv=notrunc 2>/dev/null; "
        "touch -r o bundle/a.bin; rm o",
        "rm bundle/a.bin",
        "rm bundle/a.bin; ln -s /etc/passwd bundle/a.bin",
        "chmod 600 bundle/a.bin",
        "truncate -s 10 bundle/a.bin",
    ],
)
def test_what_was_changed_on_the_device_is_pushed_again_and_nothing_else(
    local: LocalTransport, items: list[Item], tampering: str
) -> None:
    push(local, items)
    change(local, tampering)
    again = push(local, items)
    assert (again.files, again.bytes) == (1, items[0].bytes)
    assert listing(local) == expected_listing(items)
    assert push(local, items).files == 0


def test_a_touched_file_is_hashed_again_and_not_pushed(
    transport: Transport, items: list[Item]
) -> None:
    push(transport, items)
    change(transport, "touch bundle/a.bin")
    assert push(transport, items).files == 0


@pytest.mark.parametrize("stamp", ["", "rubbish\n", "taskzip stamp 1\nrubbish", "\\377\\0"])
def test_without_a_good_stamp_files_are_hashed_again_and_not_pushed(
    local: LocalTransport, items: list[Item], stamp: str
) -> None:
    push(local, items)
    change(local, f"printf '{stamp}' >.stamp")
    assert push(local, items).files == 0
    assert push(local, items).files == 0


def test_a_stamp_of_other_contents_does_not_count(
    local: LocalTransport, items: list[Item], tmp_path: Path
) -> None:
    push(local, items)
    replaced = item_of(tmp_path, "bundle/a.bin", os.urandom(200_000))
    assert push(local, [replaced, *items[1:]]).files == 1
    assert listing(local) == expected_listing([replaced, *items[1:]])


def test_a_file_that_left_the_manifest_leaves_the_device(
    local: LocalTransport, items: list[Item]
) -> None:
    push(local, items)
    push(local, items[1:])
    assert listing(local) == expected_listing(items[1:])


def test_space_is_checked_before_anything_is_pushed(transport: Transport, tmp_path: Path) -> None:
    available = free_bytes(transport, transport.base)
    (tmp_path / "huge").touch()
    huge = Item(tmp_path / "huge", "bundle/huge", available + 1, "0" * 64)
    with pytest.raises(DeviceFull, match=r"MiB free, .* MiB are needed") as error:
        push(transport, [huge])
    assert error.value.needed_bytes == available + 1 + MARGIN_BYTES
    assert listing(transport) == ""


class Filling(Silent):
    """Fills the device's file system as soon as a push has begun."""

    def __init__(self, other: Transport, folder: str) -> None:
        self._other, self._file, self._is_full = other, f"{folder}/filler", False

    def advance(self, bar: int, units: int = 1) -> None:
        if not self._is_full:
            self._is_full = True
            self._other.shell(["dd", "if=/dev/zero", f"of={self._file}", "bs=65536"])


@pytest.mark.device
def test_what_was_pushed_is_on_the_flash_and_will_not_be_written_back_later(
    virtual_machine: RunningMachine, tmp_path: Path
) -> None:
    large = item_of(tmp_path, "bundle/large.bin", os.urandom(8 << 20))
    with open_device(resolve(virtual_machine.serial, virtual_machine.profile), Silent()) as opened:
        push(opened, [large])
        said = opened.shell(["grep", "Dirty:", "/proc/meminfo"]).checked().text
    assert int(said.split()[1]) < 1024


@pytest.mark.device
def test_a_device_that_fills_up_during_a_push_is_full(
    virtual_machine: RunningMachine, tmp_path: Path
) -> None:
    door, port = Door(Patience(20.0), tmp_path), virtual_machine.port
    transport = door.open_tcp("127.0.0.1", port, transfer_silence_s=3.0)
    other = door.open_tcp("127.0.0.1", port)
    small = f"{other.base}/small"
    mount = 'mkdir "$1" && mount -t tmpfs -o size=12m small "$1"'
    other.shell(["sh", "-c", mount, "x", small]).checked()
    item = item_of(tmp_path, "bundle/a.bin", bytes(3_000_000))
    try:
        with pytest.raises(DeviceFull, match=r"0\.0 MiB free, 2\.9 MiB are needed"):
            push_items(transport, f"{small}/work", [item], Filling(other, small))
    finally:
        other.shell(["sh", "-c", 'umount "$1" && rmdir "$1"', "x", small]).checked()
        other.close()
        transport.close()


def test_a_local_file_that_is_not_what_the_manifest_says_is_refused(
    local: LocalTransport, items: list[Item]
) -> None:
    items[0].local.write_bytes(bytes(items[0].bytes))
    with pytest.raises(BadInput, match=r"a\.bin is not what its manifest says"):
        push(local, items)


class Damaging(LocalTransport):
    """A device whose connection turns bits over."""

    def push(self, local: Path, remote: str, on_bytes: OnBytes | None = None) -> None:
        super().push(local, remote, on_bytes)
        Path(remote).write_bytes(bytes(local.stat().st_size))


def test_a_file_that_arrives_damaged_never_gets_its_name(
    local: LocalTransport, items: list[Item]
) -> None:
    push(local, items[1:])
    with pytest.raises(TransferFailed, match=r"bundle/a\.bin arrived damaged"):
        push(Damaging(Path(local.base)), items)
    assert not Path(local.base, "work", items[0].path).exists()
    assert push(local, items).files == 1


def test_a_path_that_could_leave_the_folder_is_no_item(tmp_path: Path) -> None:
    for path in ("../x", "/x", "a b", "a;b", "$(x)", ""):
        with pytest.raises(ValueError, match="pattern"):
            Item(tmp_path, path, 0, "0" * 64)


def test_a_stamp_survives_writing_and_reading() -> None:
    state = parse_state("5|81a4|10|2026-01-01 00:00:00.000000001 +0000|2026-01-02 x|bundle/a.bin")
    files = {"bundle/a.bin": Known(state, "a" * 64)}
    assert parse_stamp(format_stamp(files)) == files
    with pytest.raises(ParseTrouble):
        parse_state("5|81a4|10")
