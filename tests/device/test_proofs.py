"""Files proven by the prover as they arrive: on this computer, and on the emulated device."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.report import Pushed
from taskzip.device.errors import (
    ChangedOnDevice,
    CommandFailed,
    ConnectionLost,
    ParseTrouble,
    TransferFailed,
)
from taskzip.device.lock import held_lock
from taskzip.device.manifest import PROVER_PATH, Item, prover_item
from taskzip.device.proofs import new_token, proving
from taskzip.device.prover.build import build_prover
from taskzip.device.push import push_items
from taskzip.device.runner.target import Target
from taskzip.device.send import Send
from taskzip.device.store import LARGE_BYTES, Store
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport
from tests.device.test_push import expected_listing, home, item_of, listing, stored


@pytest.fixture
def prover(transport: Transport) -> Item:
    target: Target = "host" if isinstance(transport, LocalTransport) else "aarch64"
    return prover_item(build_prover(target, Silent()))


@pytest.fixture
def host_prover() -> Item:
    return prover_item(build_prover("host", Silent()))


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    sizes = (LARGE_BYTES, 1, LARGE_BYTES + 1)
    return [item_of(tmp_path, f"bundle/{size}", os.urandom(size)) for size in sizes]


def push(transport: Transport, items: list[Item], prover: Item) -> Pushed:
    return push_items(transport, home(transport), items, Silent(), prover=prover).pushed


def expected_names(items: list[Item], suffix: str = "") -> list[str]:
    return sorted(f"{item.sha256}{suffix}" for item in items)


def test_large_files_arrive_whole(transport: Transport, items: list[Item], prover: Item) -> None:
    every = [*items, prover]
    assert push(transport, items, prover).files == 4
    assert listing(transport) == expected_listing(every)
    assert stored(transport) == expected_names(every)
    assert push(transport, items, prover).files == 0
    assert transport.shell(["test", "-x", f"{home(transport)}/work/{prover.path}"]).exit_code == 0


def test_the_connection_lives_on_and_with_it_the_lock(
    transport: Transport, items: list[Item], prover: Item
) -> None:
    with held_lock(transport, f"{transport.base}/locked/lock", Silent()) as lock:
        push(transport, items, prover)
        transport.shell(["sleep", "4"])  # adbd is late to notice that a connection is gone
        lock.renew()


class Cutting:
    """Ends the push of a file after so many bytes."""

    def __init__(self, bytes_left: int) -> None:
        self._left = bytes_left

    def __call__(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            sleep(0.3)  # a folder of this computer is quicker than the prover looks
            raise KeyboardInterrupt


def test_what_had_arrived_when_a_transfer_broke_off_is_not_sent_again(
    transport: Transport, tmp_path: Path, prover: Item
) -> None:
    large = item_of(tmp_path, "bundle/large", os.urandom(5 * LARGE_BYTES))
    push(transport, [], prover)
    for _ in range(2):
        progress = _Progress(Cutting(LARGE_BYTES))
        with pytest.raises(KeyboardInterrupt):
            push_items(transport, home(transport), [large], progress, prover=prover)
    assert f"{large.sha256}.partial" in stored(transport)
    rest = push(transport, [large], prover)
    assert rest.files == 1
    assert 0 < rest.bytes < large.bytes - LARGE_BYTES
    assert listing(transport) == expected_listing([large, prover])
    assert stored(transport) == expected_names([large, prover])


class _Progress(Silent):
    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self._on_bytes = on_bytes

    def advance(self, bar: int, units: int = 1) -> None:
        self._on_bytes(units)


@pytest.mark.parametrize("start", [1, 4095, LARGE_BYTES - 1])
def test_a_beginning_is_gone_on_with(
    transport: Transport, items: list[Item], prover: Item, start: int, tmp_path: Path
) -> None:
    push(transport, items[1:], prover)
    (tmp_path / "beginning").write_bytes(items[0].local.read_bytes()[:start])
    beginning = f"{home(transport)}/store/{items[0].sha256}.partial"
    transport.push(tmp_path / "beginning", beginning)
    rest = push(transport, items, prover)
    assert (rest.files, rest.bytes) == (1, items[0].bytes - start)
    assert listing(transport) == expected_listing([*items, prover])
    assert stored(transport) == expected_names([*items, prover])


class Damaging(LocalTransport):
    """A device whose connection turns a bit over in some files."""

    def __init__(self, folder: Path, damages: list[Item]) -> None:
        super().__init__(folder)
        self._damages = [each.sha256 for each in damages]

    def push(self, local, remote, on_bytes=None, span=None) -> None:
        if Path(remote).name.partition(".")[0] not in self._damages:
            return super().push(local, remote, on_bytes, span)
        content = bytearray(local.read_bytes())
        content[len(content) // 2] ^= 1
        damaged = Path(self._base, "damaged")
        damaged.write_bytes(content)
        return super().push(damaged, remote, on_bytes, span)


@pytest.mark.parametrize("damaged", [[0, 2], [1], [0, 1, 2]])
def test_of_what_arrives_damaged_nothing_stays(
    local: LocalTransport, items: list[Item], host_prover: Item, damaged: list[int]
) -> None:
    damages = [items[number] for number in damaged]
    with pytest.raises(TransferFailed, match="arrived damaged"):
        push(Damaging(Path(local.base), damages), items, host_prover)
    assert not {name for name in stored(local) for item in damages if item.sha256 in name}
    assert push(local, items, host_prover).files == len(damaged)
    assert stored(local) == expected_names([*items, host_prover])


def test_a_prover_that_arrives_damaged_is_not_run(
    local: LocalTransport, items: list[Item], tmp_path: Path
) -> None:
    script = f"#!/bin/sh\ntouch {tmp_path}/was_run\n" + 1000 * "#"
    spy = item_of(tmp_path, PROVER_PATH, script.encode())
    with pytest.raises(TransferFailed, match="the prover arrived damaged"):
        push(Damaging(Path(local.base), [spy]), items, spy)
    assert not (tmp_path / "was_run").exists()
    assert not set(stored(local)) & {spy.sha256, *(each.sha256 for each in items)}


def test_a_prover_that_broke_off_is_sent_again(
    transport: Transport, items: list[Item], prover: Item, tmp_path: Path
) -> None:
    (tmp_path / "beginning").write_bytes(prover.local.read_bytes()[:1000])
    transport.push(tmp_path / "beginning", f"{home(transport)}/store/{prover.sha256}.partial")
    assert push(transport, items, prover).bytes == sum(each.bytes for each in (*items, prover))
    assert stored(transport) == expected_names([*items, prover])


def test_more_files_than_a_program_may_open(
    local: LocalTransport, items: list[Item], host_prover: Item, tmp_path: Path
) -> None:
    many = [item_of(tmp_path, f"bundle/small{n}", b"%d" % n) for n in range(100)]
    script = f'#!/bin/sh\nulimit -S -n 64\nexec "{host_prover.local}" "$@"\n'
    limited = item_of(tmp_path, PROVER_PATH, script.encode())
    push(local, [*items, *many], limited)
    assert stored(local) == expected_names([*items, *many, limited])


def test_a_changed_local_file_is_refused_and_nothing_of_it_stays(
    local: LocalTransport, items: list[Item], host_prover: Item
) -> None:
    push(local, [], host_prover)
    items[0].local.write_bytes(bytes(items[0].bytes))
    with pytest.raises(BadInput, match="is not what its manifest says"):
        push(local, items, host_prover)
    assert not [name for name in stored(local) if items[0].sha256 in name]


def test_where_the_prover_does_not_run_the_device_hashes_afterwards(
    transport: Transport, items: list[Item], tmp_path: Path
) -> None:
    foreign = item_of(tmp_path, PROVER_PATH, b"#!/nowhere/interpreter\n")
    (tmp_path / "beginning").write_bytes(items[0].local.read_bytes()[:1000])
    beginning = f"{home(transport)}/store/{items[0].sha256}.partial"
    transport.push(tmp_path / "beginning", beginning)
    pushed = push(transport, items, foreign)
    assert pushed.files == 4
    assert pushed.bytes == sum(each.bytes for each in (*items, foreign)) - 1000
    assert listing(transport) == expected_listing([*items, foreign])
    assert stored(transport) == expected_names([*items, foreign])


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("echo nonsense", ParseTrouble),
        ("echo why >&2; exit 1", CommandFailed),
        ("kill -9 0", ConnectionLost),
        ("", TransferFailed),
    ],
)
def test_a_prover_that_fails_proves_nothing(
    local: LocalTransport, items: list[Item], tmp_path: Path, said: str, error: type[Exception]
) -> None:
    script = f"#!/bin/sh\necho ready\nsleep 0.2\n{said}\n"
    failing = item_of(tmp_path, PROVER_PATH, script.encode())
    with pytest.raises(error):
        push(local, items, failing)
    assert not set(stored(local)) & {items[0].sha256, items[2].sha256}


def test_a_prover_that_says_something_else_first_is_not_believed(
    local: LocalTransport, items: list[Item], tmp_path: Path
) -> None:
    talking = item_of(tmp_path, PROVER_PATH, b"#!/bin/sh\necho hello\necho ready\n")
    with pytest.raises(ParseTrouble, match="should be ready, the device says 'hello'"):
        push(local, items, talking)


@pytest.mark.parametrize("instead", ["s/settled/nonsense/", "/settled/d"])
def test_what_is_not_on_the_flash_is_not_vouched_for(
    local: LocalTransport,
    items: list[Item],
    host_prover: Item,
    tmp_path: Path,
    instead: str,
) -> None:
    script = f'#!/bin/sh\n"{host_prover.local}" "$@" | sed -u "{instead}"\n'
    failing = item_of(tmp_path, PROVER_PATH, script.encode())
    with pytest.raises(ParseTrouble, match="settled"):
        push(local, items, failing)
    assert not {each.sha256 for each in items} & sure(local)
    assert push(local, items, host_prover).files == 1  # the prover: what had arrived is hashed
    assert {each.sha256 for each in items} <= sure(local)


def sure(transport: Transport) -> set[str]:
    """What the stamp vouches for."""
    with Store(transport, home(transport)).opened() as opened:
        return set(opened.found.sure)


def test_a_file_that_another_push_sends_is_not_taken(
    local: LocalTransport, items: list[Item], host_prover: Item
) -> None:
    push(local, [], host_prover)
    store = Store(local, home(local))
    other = Path(store.folder, f"{items[0].sha256}.part-1")
    other.write_bytes(items[0].local.read_bytes())
    with proving(store, host_prover.sha256, [Send(items[0])], new_token()) as proofs:
        proofs.send(Send(items[0]), lambda _: None)
        assert proofs.ready()
        assert list(proofs.proofs(1)) == [items[0].sha256]
        proofs.settle()
    assert other.exists()


def changing(folder: Path, prover: Item, change: str) -> Item:
    """A prover on a device that changes the first file that it has proven, `$3`, and named."""
    stat = folder / "stat"
    stat.write_text(f'#!/bin/sh\n{change}\nexec {shutil.which("stat")} "$@"\n')
    stat.chmod(0o755)
    script = f'#!/bin/sh\nPATH={folder}:$PATH exec "{prover.local}" "$@"\n'
    return item_of(folder, PROVER_PATH, script.encode())


def test_a_file_that_changes_after_it_was_hashed_is_not_taken_for_it(
    local: LocalTransport, items: list[Item], host_prover: Item, tmp_path: Path
) -> None:
    with pytest.raises(ChangedOnDevice, match="changed while it was pushed"):
        push(local, items, changing(tmp_path, host_prover, 'echo more >>"$3"'))
    assert not {each.sha256 for each in items} & sure(local)


def test_a_file_whose_time_is_set_after_it_was_hashed_is_hashed_again(
    local: LocalTransport, items: list[Item], host_prover: Item, tmp_path: Path
) -> None:
    prover = changing(tmp_path, host_prover, 'touch -d @1000000000 "$3"')
    push(local, items, prover)
    assert {each.sha256 for each in [*items, prover]} <= sure(local)
    assert push(local, items, prover).files == 0
