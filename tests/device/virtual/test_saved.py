"""States of machines that have booted: which machines share one, and how QEMU is asked for it."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.select import open_device, resolve
from taskzip.device.virtual.accelerator import choose_accelerator, this_host
from taskzip.device.virtual.errors import BootFailed
from taskzip.device.virtual.image import Image, build_image
from taskzip.device.virtual.machine import start, stop
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.qmp import Qmp
from taskzip.device.virtual.saved import (
    copy_flash,
    forget_state,
    incoming,
    kept_flash,
    save_state,
    state_file,
)

IMAGE = Image(Path("/cache/recipe"))


@pytest.fixture(autouse=True)
def own_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKZIP_CACHE_DIR", str(tmp_path / "it's a cache"))


class Noting(Silent):
    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


def test_equal_machines_of_all_labels_share_a_state() -> None:
    one, other = (state_file(Profile(label=label), IMAGE) for label in ("a", "b"))
    assert one == other


@pytest.mark.parametrize(
    "change", [{"memory_mib": 256}, {"disk_mib": 64}, {"cpu_model": "max"}, {"flash_read_iops": 9}]
)
def test_other_machines_have_other_states(change: dict[str, object]) -> None:
    other = Profile.model_validate(change)
    assert state_file(other, IMAGE) != state_file(Profile(), IMAGE)
    assert state_file(Profile(), Image(Path("/cache/other"))) != state_file(Profile(), IMAGE)


def test_a_real_clocks_machine_of_another_disk_has_another_state() -> None:
    """Its flash, of which the state has a copy, is a file that QEMU's command only names."""
    one, other = (Profile(clock="real", disk_mib=mib) for mib in (1024, 64))
    if choose_accelerator(this_host()) == "tcg":
        assert state_file(one, IMAGE) != state_file(other, IMAGE)


def test_both_clocks_have_a_state_of_their_own_where_the_machine_is_emulated() -> None:
    counted, real = (state_file(Profile(clock=clock), IMAGE) for clock in ("counted", "real"))
    assert counted is not None
    assert real != counted
    assert (real is None) == (choose_accelerator(this_host()) != "tcg")


def test_a_flash_is_copied_with_its_holes(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    with source.open("wb") as file:
        file.truncate(64 << 20)
        for at in (0, 5 << 20):
            file.seek(at)
            file.write(os.urandom(5000))
    copy_flash(source, copy)
    assert copy.read_bytes() == source.read_bytes()
    assert copy.stat().st_blocks * 512 < 1 << 20
    with pytest.raises(FileNotFoundError):
        copy_flash(tmp_path / "absent", copy)


@contextmanager
def qemu_that(folder: Path, *answers: object) -> Iterator[tuple[Path, list[dict]]]:
    """A socket that greets as QEMU does and gives an answer to each command after the first."""
    path, asked = folder / "qmp", []
    left = [{"return": {}}, *answers]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b'{"QMP": {}}\n')
                for line in lines:
                    asked.append(json.loads(line))
                    connection.sendall(b'{"event": "STOP"}\n')
                    connection.sendall(json.dumps(left.pop(0)).encode() + b"\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path, asked
        thread.join(5.0)


def migration(status: str) -> dict:
    return {"return": {"status": status}}


def test_a_state_is_written_by_migration_and_the_machine_goes_on(tmp_path: Path) -> None:
    answers = ({"return": {}}, migration("active"), migration("completed"), {"return": {}})
    state = tmp_path / "states" / "one"
    with qemu_that(tmp_path, *answers) as (path, asked), pytest.raises(FileNotFoundError):
        save_state(path, state, None)  # this QEMU writes nothing
    names = [each["execute"] for each in asked]
    assert names == ["qmp_capabilities", "migrate", "query-migrate", "query-migrate", "cont"]
    assert asked[1]["arguments"]["uri"].startswith("exec:cat >/")


@pytest.mark.parametrize(
    "answers",
    [
        ({"return": {}}, migration("failed"), {"return": {}}),
        ({"error": {"desc": "no"}}, {"return": {}}),
    ],
)
def test_a_machine_whose_state_cannot_be_written_goes_on(tmp_path: Path, answers) -> None:
    with qemu_that(tmp_path, *answers) as (path, asked), pytest.raises(BootFailed):
        save_state(path, tmp_path / "states" / "one", None)
    assert asked[-1]["execute"] == "cont"
    assert list((tmp_path / "states").iterdir()) == []


def test_what_qemu_says_beside_its_answer_is_passed_over(tmp_path: Path) -> None:
    with qemu_that(tmp_path, {"return": 1}) as (path, _), closing(Qmp(path)) as qmp:
        assert qmp.execute("query-status") == 1


def test_a_state_comes_in_whatever_its_path(tmp_path: Path) -> None:
    state = tmp_path / "it's"
    assert incoming(state) == ["-incoming", f"exec:cat '{tmp_path}/it'\"'\"'s'"]


@pytest.mark.device
@pytest.mark.slow
def test_the_real_clocks_machine_goes_on_from_its_state_with_an_empty_flash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TASKZIP_CACHE_DIR")
    profile = Profile(clock="real", memory_mib=160, disk_mib=64, label=f"saved-{os.getpid()}")
    state = state_file(profile, build_image(Silent()))
    assert state is not None
    forget_state(state)
    said = []
    for _ in range(2):
        machine = start(profile, Silent())
        with open_device(resolve(machine.serial, profile), Silent()) as opened:
            held = 'ls -A "$1" && echo held >"$1/held" && sync && cat "$1/held" && date +%s'
            *held, now = opened.shell(["sh", "-c", held, "x", opened.base]).checked().text.split()
        stop(machine, Silent())
        said.append(held)
        assert abs(int(now) - time.time()) < 60
    assert said == [["held"], ["held"]]
    assert kept_flash(state).exists()
    forget_state(state)


@pytest.mark.device
@pytest.mark.slow
def test_a_damaged_state_is_told_and_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TASKZIP_CACHE_DIR")
    profile = Profile(memory_mib=160, disk_mib=64, label=f"saved-{os.getpid()}")
    state = state_file(profile, build_image(Silent()))
    assert state is not None
    state.parent.mkdir(exist_ok=True)
    state.write_bytes(b"no state")
    noting = Noting()
    stop(start(profile, noting), Silent())
    assert "saved state cannot be used" in noting.steps[0]
    assert state.stat().st_size > 1 << 20
    again = Noting()
    stop(start(profile, again), Silent())
    assert len(again.steps) == 1
    state.unlink()
