"""Removing everything of ours, and what a session that was killed leaves."""

import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.abandoned import abandoned_elsewhere
from taskzip.device.errors import DeviceHeld, LockLost
from taskzip.device.lock import held_lock
from taskzip.device.places import home, lock_path
from taskzip.device.session import open_session
from taskzip.device.sweep import find_remains, sweep
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport
from tests.device.conftest import DONE, HELLO, saying

KILLED_SESSION = """
import pickle, sys
from pathlib import Path
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.session import open_session
from taskzip.device.transport.local import LocalTransport
folder, bundle, package, spec = pickle.load(sys.stdin.buffer)
with open_session(
    LocalTransport(folder), package, bundle, keep_pushed=False, progress=Silent()
) as session:
    for event in session.run(RunSpec.model_validate_json(spec)):
        print(event.kind, flush=True)
"""


class Noting(Silent):
    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


@pytest.fixture
def own_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes of sessions go to this test's own cache folder."""
    monkeypatch.setenv("TASKZIP_CACHE_DIR", str(tmp_path / "cache"))


def names_on(local: LocalTransport) -> list[str]:
    return [path.name for path in Path(local.base).iterdir()]


def put(transport: Transport, path: str, content: str) -> None:
    script = 'mkdir -p "${1%/*}" && printf %s "$2" >"$1"'
    transport.shell(["sh", "-c", script, "x", f"{home(transport)}/{path}", content]).checked()


def test_everything_of_ours_is_told_and_removed_and_nothing_else(transport: Transport) -> None:
    put(transport, "work/bundle/a b", "12345")
    put(transport, "work/.spec.json", "{}")
    put(transport, "../other", "not ours")
    remains = find_remains(transport)
    assert remains.files == ("work/.spec.json", "work/bundle/a b")
    assert (remains.bytes, remains.serial) == (7, transport.serial)
    assert sweep(transport, Silent()) == remains
    assert transport.shell(["ls", transport.base]).checked().text.split() == ["other"]
    assert sweep(transport, Silent()).files == ()


def test_hostile_names_are_removed_too_and_shown_harmlessly(local: LocalTransport) -> None:
    put(local, "work/\x1b[31m|red", "x")
    put(local, "work/two\nlines", "x")
    assert find_remains(local).files[0] == "work/ [31m|red"
    sweep(local, Silent())
    assert names_on(local) == []


def test_a_device_in_use_is_not_swept(local: LocalTransport) -> None:
    with held_lock(local, lock_path(local), Silent()):
        with pytest.raises(DeviceHeld):
            sweep(local, Silent(), wait_s=0)
        assert find_remains(local).files == ()


@pytest.mark.usefixtures("own_notes")
def test_a_session_killed_at_its_run_is_told_of_and_cleaned_up_by_the_next(
    local: LocalTransport, make_package, bundle_dir: Path, spec: RunSpec, tmp_path: Path
) -> None:
    package = make_package(f"echo $$ >{tmp_path}/pid; {saying(HELLO)}; exec sleep 600")
    given = (Path(local.base), bundle_dir, package, spec.model_dump_json())
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_SESSION], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(pickle.dumps(given))
        process.stdin.close()
        assert process.stdout.readline() == b"hello\n"
        process.send_signal(signal.SIGKILL)
    assert any(name.startswith("store/") for name in find_remains(local).files)
    (note,) = abandoned_elsewhere("another device")
    assert (note.serial, note.pid) == (local.serial, process.pid)

    noting, package = Noting(), make_package(saying(HELLO, DONE))
    with open_session(
        local, package, bundle_dir, keep_pushed=False, progress=noting, lock_wait_s=20
    ) as session:
        assert [event.kind for event in session.run(spec)] == ["hello", "done"]
    told = rf"the session of .*process {process.pid}, .* ended without cleaning up"
    assert re.search(told, noting.steps[-1])
    assert names_on(local) == []
    assert abandoned_elsewhere("another device") == ()


@pytest.mark.usefixtures("own_notes")
def test_a_session_on_another_device_tells_of_one_that_was_killed(
    make_package, bundle_dir: Path, tmp_path: Path
) -> None:
    noting = Noting()
    for name in ("one", "two", "gone"):
        (tmp_path / name).mkdir()
    program = (
        "import sys; from taskzip.device.abandoned import note_session;"
        "[note_session(each) for each in sys.argv[1:]]"
    )
    one, gone = (f"local:{tmp_path / name}" for name in ("one", "gone"))
    subprocess.run([sys.executable, "-c", program, one, gone], check=True)
    (tmp_path / "gone").rmdir()
    two = LocalTransport(tmp_path / "two")
    with open_session(two, make_package(), bundle_dir, keep_pushed=False, progress=noting):
        pass
    (told,) = noting.steps
    assert told.startswith(f"{one} may hold what a session left that was killed")
    assert f"`deploy clean --device {one}`" in told
    sweep(LocalTransport(tmp_path / "one"), Silent())
    assert abandoned_elsewhere(two.serial) == ()


def test_a_session_that_lost_its_lock_runs_nothing_more(
    local: LocalTransport, make_package, bundle_dir: Path, spec: RunSpec
) -> None:
    with open_session(
        local, make_package(), bundle_dir, keep_pushed=False, progress=Silent()
    ) as session:
        session.launcher.lock.stream.close()
        with pytest.raises(LockLost, match="took the device over"):
            list(session.run(spec))
    assert names_on(local) == []
