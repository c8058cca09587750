"""Memory that a session holds on the device while runs have less of it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskzip.contracts.ballast import Ballast
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import RunnerFailed
from taskzip.device.places import home
from taskzip.device.session import Session, open_session
from taskzip.device.sweep import sweep
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport
from tests.device.conftest import DONE, HELLO, MakePackage, saying

TOLD = {"ballast_bytes": 3 << 20, "is_locked": False, "is_spared": False}
HOLDING = f'[ "$1 $2" = "--ballast 3" ] && {{ {saying(TOLD)}; exec sleep 600; }}'


@pytest.fixture
def opened(make_package: MakePackage, bundle_dir: Path):
    """Opens a session whose runner is that shell text."""

    @contextlib.contextmanager
    def opened(transport: Transport, text: str) -> Iterator[Session]:
        package = make_package(text)
        with open_session(
            transport, package, bundle_dir, keep_pushed=False, progress=Silent()
        ) as session:
            yield session

    return opened


def pid_of(transport: Transport) -> str:
    return transport.shell(["cat", f"{home(transport)}/work/.ballast"]).checked().text.strip()


ALIVE = 'grep -q "^State:.[RSD]" "/proc/$1/status" 2>/dev/null'


def runs(transport: Transport, pid: str) -> bool:
    return transport.shell(["sh", "-c", ALIVE, "runs", pid]).exit_code == 0


def await_end(transport: Transport, pid: str) -> None:
    wait = f"while {ALIVE}; do sleep 0.05; done"
    transport.shell(["sh", "-c", wait, "wait", pid], timeout_s=30.0).checked()


def test_ballast_is_there_while_the_block_runs_and_runs_go_on_beside_it(
    transport: Transport, opened, spec: RunSpec
) -> None:
    with opened(transport, f"{HOLDING}\n{saying(HELLO, DONE)}") as session:
        with session.ballast(3) as ballast:
            assert ballast.told == Ballast(**TOLD)
            pid = pid_of(transport)
            assert [event.kind for event in session.run(spec)] == ["hello", "done"]
            ballast.refuse_lost()
            assert runs(transport, pid)
        await_end(transport, pid)
        with session.ballast(3):
            assert runs(transport, pid_of(transport))


def test_beside_ballast_the_runner_is_the_first_to_be_ended(
    local: LocalTransport, opened, spec: RunSpec
) -> None:
    tells = f"mkdir -p runs; cat /proc/self/oom_score_adj >runs/score\n{saying(HELLO, DONE)}"
    with opened(local, f"{HOLDING}\n{tells}") as session, session.ballast(3):
        list(session.run(spec))
        assert int(session.fetch("runs/score")) == 1000


def test_ballast_that_the_system_ended_is_told(local: LocalTransport, opened) -> None:
    with opened(local, HOLDING) as session, session.ballast(3) as ballast:
        pid = pid_of(local)
        local.shell(["kill", "-9", pid]).checked()
        await_end(local, pid)
        with pytest.raises(RunnerFailed, match="the system ended the ballast of 3 MiB"):
            ballast.refuse_lost()


@pytest.mark.parametrize("says", ["echo nonsense", saying({**TOLD, "ballast_bytes": 0}), ":"])
def test_ballast_that_is_not_had_is_told(local: LocalTransport, opened, says: str) -> None:
    with (
        opened(local, says) as session,
        pytest.raises(RunnerFailed, match="no ballast was taken"),
        session.ballast(3),
    ):
        pass


def test_ballast_of_a_killed_session_goes_with_a_sweep(local: LocalTransport) -> None:
    work = f"{home(local)}/work"
    takes = "echo $$ >.ballast; exec sleep 600"  # once it is in a session of its own
    left = f"""mkdir -p "$1" && cd "$1" && {{ setsid sh -c '{takes}' >/dev/null 2>&1 & }}
        until [ -s .ballast ]; do sleep 0.02; done"""
    local.shell(["sh", "-c", left, "left", work]).checked()
    pid = pid_of(local)
    assert runs(local, pid)
    sweep(local, Silent())
    await_end(local, pid)


def test_a_device_tells_what_memory_it_has_left(local: LocalTransport, opened) -> None:
    with opened(local, saying(HELLO, DONE)) as session:
        assert session.available_bytes() > 0
