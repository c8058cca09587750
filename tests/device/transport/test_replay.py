"""A device that was recorded, and is played again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.conditions import Setting
from taskzip.device.errors import CommandFailed, NotRecorded, RunnerFailed, TransferFailed
from taskzip.device.select import open_device, resolve
from taskzip.device.session import Session, open_session
from taskzip.device.targets import Replay
from taskzip.device.transport.exchange import read_recording, stable
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport
from taskzip.device.transport.recorder import recorded
from taskzip.device.transport.replay import ReplayTransport
from taskzip.device.virtual.profile import Profile
from tests.device.conftest import DONE, HELLO, saying, write_bundle

SETTING = Setting("virtual", "counted", flash_read_bytes_per_second=7)
OUTPUT = {"kind": "output", "task": "a", "name": "y", "file": "runs/one/a.out0.bin", "bytes": 5}


@pytest.fixture
def record(local: LocalTransport, tmp_path: Path) -> Callable:
    """Does something with a device and gives what was recorded of it, played again."""

    def record(use: Callable[[Transport], object]) -> ReplayTransport:
        with recorded(local, SETTING, tmp_path / "device.jsonl") as recorder:
            use(recorder)
        return ReplayTransport(*read_recording(tmp_path / "device.jsonl"))

    return record


def test_commands_end_as_they_did(record) -> None:
    argv = ["sh", "-c", "printf '\\377\\0out'; echo err >&2; exit 7"]
    replay = record(lambda device: device.shell(argv))
    done = replay.shell(argv)
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"\xff\0out", b"err")
    assert done.serial.startswith("replay of local:")
    with pytest.raises(NotRecorded, match="has `nothing more` here"):
        replay.shell(argv)


def test_lines_come_as_they_came_also_when_they_were_not_read_to_the_end(record) -> None:
    argv = ["sh", "-c", "echo one; echo two; exec sleep 60"]

    def read_two(device: Transport) -> list[bytes]:
        stream = device.lines(argv)
        lines = [next(stream), next(stream)]
        assert stream.completed is None
        stream.close()
        return lines

    assert read_two(record(read_two)) == [b"one", b"two"]


def test_files_that_were_pulled_come_again(record, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00\xff content")
    moved: list[int] = []

    def move(device: Transport) -> None:
        device.push(tmp_path / "file", f"{device.base}/there", moved.append)
        device.pull(f"{device.base}/there", tmp_path / "back")

    replay = record(move)
    (tmp_path / "back").unlink()
    move(replay)
    assert (tmp_path / "back").read_bytes() == b"\x00\xff content"
    assert moved == [10, 10]


def test_trouble_comes_again(record, tmp_path: Path) -> None:
    def pull(device: Transport) -> None:
        with pytest.raises(TransferFailed, match="No such file"):
            device.pull(f"{device.base}/absent", tmp_path / "back")

    pull(record(pull))


def test_another_question_is_not_answered(record) -> None:
    replay = record(lambda device: device.shell(["echo", "one"]))
    with pytest.raises(NotRecorded, match=r"asked for `shell echo two`.*has `shell echo one`"):
        replay.shell(["echo", "two"])


def measure(device: Transport, package, bundle_dir: Path, spec: RunSpec) -> tuple[list, bytes]:
    with open_session(device, package, bundle_dir, keep_pushed=False, progress=Silent()) as session:
        return kinds(session, spec), session.fetch("runs/one/a.out0.bin")


def kinds(session: Session, spec: RunSpec) -> list[str]:
    return [event.kind for event in session.run(spec)]


def test_a_session_is_played_again_and_only_that_one(  # noqa: PLR0913, PLR0917  # fixtures
    record,
    make_package,
    bundle_dir: Path,
    spec: RunSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = f"mkdir -p runs/one; printf 12345 >runs/one/a.out0.bin; {saying(HELLO, OUTPUT, DONE)}"
    package, made = make_package(text.replace("\n", "; ")), []
    record(lambda device: made.append(measure(device, package, bundle_dir, spec)))
    file = tmp_path / "device.jsonl"
    with open_device(resolve(f"replay:{file}", Profile()), Silent()) as replay:
        assert [measure(replay, package, bundle_dir, spec)] == made
    assert made == [(["hello", "output", "done"], b"12345")]
    write_bundle(bundle_dir, {"litert/joint.tflite": b"other" * 5000})
    monkeypatch.setenv("TASKZIP_CACHE_DIR", str(tmp_path / "cache"))
    with (
        open_device(Replay(file), Silent()) as replay,
        pytest.raises(NotRecorded, match="record anew"),
    ):
        measure(replay, package, bundle_dir, spec)
    assert not (tmp_path / "cache" / "sessions").exists()


def test_a_runner_that_failed_fails_again(
    record, make_package, bundle_dir: Path, spec: RunSpec
) -> None:
    package = make_package("echo rubbish")

    def fail(device: Transport) -> None:
        with pytest.raises(RunnerFailed, match="rubbish"):
            measure(device, package, bundle_dir, spec)

    fail(record(fail))


def test_a_recorded_device_keeps_its_setting(record, tmp_path: Path) -> None:
    record(lambda device: device.shell(["true"]))
    kept = Replay(tmp_path / "device.jsonl").setting
    assert kept.recorded_at
    assert kept == replace(SETTING, recorded_at=kept.recorded_at)


def test_what_differs_from_run_to_run_is_not_compared() -> None:
    one = ["lock", "me on host, process 12, since 2026-01-01T00:00:00+00:00", "x 1790000000 y"]
    other = ["lock", "you on pc, process 9, since 2027-01-01T00:00:00+00:00", "x 1790000001 y"]
    assert stable(one) == stable(other)


@pytest.mark.parametrize("text", ["", "{}", "{", '{"serial":"x","base":"/","setting":{}}'])
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(BadInput, match="file:1"):
        read_recording(tmp_path / "file")
    with pytest.raises(BadInput, match="cannot be read"):
        read_recording(tmp_path / "absent")


def test_a_failed_command_stays_an_error(record) -> None:
    replay = record(lambda device: device.shell(["false"]))
    with pytest.raises(CommandFailed, match="exit code 1"):
        replay.shell(["false"]).checked()
