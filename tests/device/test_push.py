"""Pushing by manifest: what is skipped, what is pushed again, and what is refused."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.report import Pushed
from taskzip.device.errors import DeviceFull, ParseTrouble, TransferFailed
from taskzip.device.manifest import Item, prover_item
from taskzip.device.parse.files import STAT_FORMAT, parse_state
from taskzip.device.prover.build import build_prover
from taskzip.device.push import push_items
from taskzip.device.room import MARGIN_BYTES, free_bytes
from taskzip.device.select import open_device, resolve
from taskzip.device.stamp import Entry, format_stamp, parse_stamp
from taskzip.device.store import LARGE_BYTES
from taskzip.device.store_scripts import OPEN
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual.state import RunningMachine


def item_of(folder: Path, path: str, content: bytes) -> Item:
    local = folder / path.replace("/", "_")
    local.write_bytes(content)
    return Item(local, path, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    return [
        item_of(tmp_path, "bundle/a.bin", b"a" + os.urandom(199_999)),  # tests write X over its a
        item_of(tmp_path, "bundle/deep/b.bin", b"b"),
        item_of(tmp_path, "runner/bin/run", b"#!/bin/sh\n"),
    ]


def home(transport: Transport) -> str:
    return f"{transport.base}/taskzip"


def push(transport: Transport, items: list[Item], **options: bool) -> Pushed:
    return push_items(transport, home(transport), items, Silent(), **options).pushed


def change(transport: Transport, text: str) -> None:
    transport.shell(["sh", "-c", f'cd "$1/work" && {text}', "x", home(transport)]).checked()


def listing(transport: Transport) -> str:
    text = 'cd "$1/work" && find -L . -type f -exec sha256sum {} + | sort'
    return transport.shell(["sh", "-c", text, "x", home(transport)]).checked().text


def stored(transport: Transport) -> list[str]:
    return transport.shell(["ls", f"{home(transport)}/store"]).checked().text.split()


def expected_listing(items: list[Item]) -> str:
    return "".join(sorted(f"{item.sha256}  ./{item.path}\n" for item in items))


def test_the_folder_holds_exactly_the_manifest(transport: Transport, items: list[Item]) -> None:
    transport.shell(["mkdir", "-p", f"{home(transport)}/work/old"]).checked()
    transport.shell(["mkdir", "-p", f"{home(transport)}/store/old"]).checked()
    change(transport, ": >old/stale; : >'b a d'; : >.hidden; : >../store/x.partial; ln -s / link")
    change(transport, "ln -s / ../store/link; : >../store/old/x; : >../store/.partial")
    first = push(transport, items)
    assert (first.files, first.bytes) == (3, sum(item.bytes for item in items))
    assert listing(transport) == expected_listing(items)
    assert stored(transport) == sorted(item.sha256 for item in items)
    ran = transport.shell([f"{home(transport)}/work/runner/bin/run"])
    assert ran.exit_code == 0
    assert push(transport, items).files == 0
    assert listing(transport) == expected_listing(items)


@pytest.mark.parametrize(
    "tampering",
    [
        "printf X | dd of=bundle/a.bin conv=notrunc 2>/dev/null",
        "cp -p bundle/a.bin o; printf X | dd of=bundle/a.bin conv=notrunc 2>/dev/null; "
        "touch -r o bundle/a.bin; rm o",
        'f=$(readlink bundle/a.bin); rm "$f"',
        'f=$(readlink bundle/a.bin); rm "$f"; ln -s /etc/passwd "$f"',
        'f=$(readlink bundle/a.bin); rm "$f"; mkdir "$f"',
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


@pytest.mark.parametrize("change_of_state", ["touch bundle/a.bin", "chmod 600 bundle/a.bin"])
def test_a_file_of_another_state_is_hashed_again_and_not_pushed(
    transport: Transport, items: list[Item], change_of_state: str
) -> None:
    push(transport, items)
    change(transport, change_of_state)
    assert push(transport, items).files == 0
    assert transport.shell(["test", "-x", f"{home(transport)}/work/bundle/a.bin"]).exit_code == 0


def test_links_that_were_changed_do_not_matter(local: LocalTransport, items: list[Item]) -> None:
    push(local, items)
    change(local, "rm bundle/a.bin; ln -s /etc/passwd bundle/a.bin")
    assert push(local, items).files == 0
    assert listing(local) == expected_listing(items)


@pytest.mark.parametrize(
    "stamp",
    ["", "rubbish\\n", "taskzip store 1\\nrubbish", "taskzip store 1\\n1|2|3", "\\377\\0"],
)
def test_without_a_good_stamp_files_are_hashed_again_and_not_pushed(
    local: LocalTransport, items: list[Item], stamp: str
) -> None:
    push(local, items)
    change(local, f"printf '{stamp}' >../store/.stamp")
    assert push(local, items).files == 0
    assert push(local, items).files == 0


def test_what_the_stamp_vouches_for_wrongly_is_found_by_hashing_all_of_it(
    local: LocalTransport, items: list[Item]
) -> None:
    push(local, items)
    entry = Path(home(local), "store", items[0].sha256)
    entry.write_bytes(bytes(items[0].bytes))
    state = local.shell(["stat", "-c", STAT_FORMAT, str(entry)]).checked().text.strip()
    line = f"1|{state.replace(str(entry), entry.name)}"
    stamp = entry.with_name(".stamp")
    others = [each for each in stamp.read_text().split("\n") if not each.endswith(entry.name)]
    stamp.write_text("\n".join([*others, line]))
    assert push(local, items).files == 0
    assert push(local, items, verify=True).files == 1
    assert listing(local) == expected_listing(items)


def test_other_contents_under_the_same_name_are_pushed(
    local: LocalTransport, items: list[Item], tmp_path: Path
) -> None:
    push(local, items)
    replaced = item_of(tmp_path, "bundle/a.bin", os.urandom(200_000))
    assert push(local, [replaced, *items[1:]]).files == 1
    assert listing(local) == expected_listing([replaced, *items[1:]])


def test_bytes_that_another_bundle_brought_are_not_sent_again(
    local: LocalTransport, items: list[Item]
) -> None:
    push(local, items)
    elsewhere = [replace(item, path=f"bundle/other/{item.sha256}") for item in items]
    assert push(local, elsewhere).files == 0
    assert listing(local) == expected_listing(elsewhere)
    assert push(local, items[1:]).files == 0
    assert listing(local) == expected_listing(items[1:])
    assert push(local, items).files == 0


def test_a_bundle_may_have_more_files_than_fit_into_one_command(
    transport: Transport, items: list[Item]
) -> None:
    paths = [f"bundle/{'deep/' * (number % 30)}{number}" for number in range(200)]
    many = [replace(items[1], path=path) for path in paths]
    push(transport, many)
    assert listing(transport) == expected_listing(many)


def test_equal_files_are_one_entry(local: LocalTransport, items: list[Item]) -> None:
    twice = [items[0], replace(items[0], path="bundle/again.bin")]
    pushed = push(local, twice)
    assert (pushed.files, pushed.bytes) == (1, items[0].bytes)
    assert listing(local) == expected_listing(twice)


def test_what_ten_pushes_did_not_need_is_removed(
    local: LocalTransport, items: list[Item], tmp_path: Path
) -> None:
    push(local, items)
    others = [item_of(tmp_path, f"bundle/{number}", b"%d" % number) for number in range(10)]
    for other in others[:9]:
        push(local, [other])
        push(local, [other])
    assert items[0].sha256 in stored(local)
    push(local, others[9:])
    assert stored(local) == sorted(other.sha256 for other in others)


def test_space_is_checked_before_anything_is_pushed(transport: Transport, tmp_path: Path) -> None:
    available = free_bytes(transport, transport.base)
    (tmp_path / "huge").touch()
    huge = Item(tmp_path / "huge", "bundle/huge", available + 1, "0" * 64)
    with pytest.raises(DeviceFull, match=r"MiB free, .* MiB are needed") as error:
        push(transport, [huge])
    assert error.value.needed_bytes == available + 1 + MARGIN_BYTES
    assert stored(transport) == []


def test_entries_of_others_go_when_space_is_needed_the_longest_unused_first(
    local: LocalTransport, items: list[Item], tmp_path: Path
) -> None:
    class Small(LocalTransport):
        """A device with room for so much beside what lies there."""

        def lines(self, argv, silence_s=60.0):
            if OPEN not in argv:
                return super().lines(argv, silence_s)
            used = sum(path.stat().st_size for path in Path(home(self), "store").glob("*"))
            free = (MARGIN_BYTES + (1 << 20) - used) // 1024
            said = f"df() {{ echo Filesystem; echo x 1 1 {free} 1% /; }}\n"
            return super().lines([said + word if word == OPEN else word for word in argv])

    small = Small(Path(local.base))
    first, second, third, last = (
        item_of(tmp_path, f"bundle/{number}", os.urandom(300 << 10)) for number in range(4)
    )
    for item in (first, second, third):
        push(small, [item])
    push(small, [first])
    push(small, [last])
    assert stored(small) == sorted(item.sha256 for item in (first, third, last))
    with pytest.raises(DeviceFull):
        push(small, [replace(last, sha256="0" * 64, bytes=2 << 20)])
    assert stored(small) == sorted(item.sha256 for item in (first, third, last))


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
        opened.shell(["rm", "-rf", home(opened)]).checked()
    assert int(said.split()[1]) < 1024


UNMOUNT = """
for try in 1 2 3 4 5 6 7 8 9 10; do  # a prover may take a moment to end
    umount "$1" && break
    sleep 0.5
done
rmdir "$1"
"""


@pytest.mark.device
@pytest.mark.parametrize(
    ("size", "room_mib", "proves", "needed"),
    [(3_000_000, 12, False, "2.9"), (2 * LARGE_BYTES, 20, True, "8.0")],
)
def test_a_device_that_fills_up_during_a_push_is_full(  # noqa: PLR0913  # fixtures, and a case
    virtual_machine: RunningMachine,
    tmp_path: Path,
    *,
    size: int,
    room_mib: int,
    proves: bool,
    needed: str,
) -> None:
    door, port = Door(Patience(20.0), tmp_path), virtual_machine.port
    transport = door.open_tcp("127.0.0.1", port, transfer_silence_s=3.0)
    other = door.open_tcp("127.0.0.1", port)
    small = f"{other.base}/small"
    mount = 'mkdir "$1" && mount -t tmpfs -o size="$2"m small "$1"'
    other.shell(["sh", "-c", mount, "x", small, str(room_mib)]).checked()
    item = item_of(tmp_path, "bundle/a.bin", bytes(size))
    prover = prover_item(build_prover("aarch64", Silent())) if proves else None
    place, filling = f"{small}/taskzip", Filling(other, small)
    try:
        if prover is not None:
            push_items(transport, place, [], Silent(), prover=prover)
        with pytest.raises(DeviceFull, match=rf"0\.0 MiB free, {needed} MiB are needed"):
            push_items(transport, place, [item], filling, prover=prover)
    finally:
        other.shell(["sh", "-c", UNMOUNT, "x", small]).checked()
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

    def push(self, local, remote, on_bytes=None, span=None) -> None:
        super().push(local, remote, on_bytes, span)
        Path(remote).write_bytes(bytes(local.stat().st_size))


def test_a_file_that_arrives_damaged_never_gets_its_name(
    local: LocalTransport, items: list[Item]
) -> None:
    push(local, items[1:])
    with pytest.raises(TransferFailed, match=r"bundle/a\.bin arrived damaged"):
        push(Damaging(Path(local.base)), items)
    assert not Path(home(local), "store", items[0].sha256).exists()
    assert push(local, items).files == 1


def test_a_path_that_could_leave_the_folder_is_no_item(tmp_path: Path) -> None:
    for path in ("../x", "/x", "a b", "a;b", "$(x)", ""):
        with pytest.raises(ValueError, match="pattern"):
            Item(tmp_path, path, 0, "0" * 64)


@pytest.mark.parametrize("arrived", [0, 1, 100_000, 199_999])
def test_a_push_goes_on_where_it_broke_off(
    local: LocalTransport, items: list[Item], arrived: int
) -> None:
    push(local, items[1:])
    beginning = items[0].local.read_bytes()[:arrived]
    Path(home(local), "store", f"{items[0].sha256}.partial").write_bytes(beginning)
    rest = push(local, items)
    assert (rest.files, rest.bytes) == (1, items[0].bytes - arrived)
    assert listing(local) == expected_listing(items)


def test_a_beginning_of_something_else_is_not_gone_on_with(
    local: LocalTransport, items: list[Item]
) -> None:
    push(local, items[1:])
    Path(home(local), "store", f"{items[0].sha256}.partial").write_bytes(bytes(1000))
    assert push(local, items).bytes == items[0].bytes
    assert listing(local) == expected_listing(items)


def test_a_store_that_is_a_link_is_not_followed(
    local: LocalTransport, items: list[Item], tmp_path: Path
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    Path(home(local)).mkdir()
    Path(home(local), "store").symlink_to(tmp_path / "precious")
    Path(home(local), "work").symlink_to(tmp_path / "precious")
    push(local, items)
    assert [path.name for path in (tmp_path / "precious").iterdir()] == ["file"]
    assert listing(local) == expected_listing(items)


def test_a_stamp_survives_writing_and_reading() -> None:
    name = "a" * 64
    state = parse_state(f"5|81a4|10|2026-01-01 00:00:00.000000001 +0000|2026-01-02 x|{name}")
    entries = {name: Entry(state, 3)}
    assert parse_stamp(format_stamp(entries)) == entries
    with pytest.raises(ParseTrouble):
        parse_state("5|81a4|10")
