"""Two sessions on one device."""

import contextlib
import re
import threading
from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.errors import CommandFailed, ConnectionLost, DeviceHeld, LockLost
from taskzip.device.lock import held_lock
from taskzip.device.places import lock_path
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport


class Noting(Silent):
    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


def test_the_second_is_told_who_holds_the_device(open_transport) -> None:
    first, second, noting = open_transport(), open_transport(), Noting()
    with (
        held_lock(first, lock_path(first), Silent()),
        pytest.raises(DeviceHeld, match=r"used by .* on .*, process \d+, since 20"),
        held_lock(second, lock_path(second), noting, wait_s=2.0),
    ):
        pytest.fail("two sessions hold one device")
    assert "waiting for" in noting.steps[0]
    with held_lock(second, lock_path(second), Silent(), wait_s=10.0):
        pass
    assert second.shell(["ls", second.base]).checked().stdout == b""


def test_the_second_waits_until_the_first_is_done(open_transport) -> None:
    first, second = open_transport(), open_transport()
    waiting, order = threading.Event(), []

    class Telling(Silent):
        def step(self, text: str) -> None:
            waiting.set()

    def wait_for_turn() -> None:
        with held_lock(second, lock_path(second), Telling(), wait_s=30.0):
            order.append("second")

    with held_lock(first, lock_path(first), Silent()):
        thread = threading.Thread(target=wait_for_turn)
        thread.start()
        assert waiting.wait(30.0)
        order.append("first")
    thread.join(30.0)
    assert order == ["first", "second"]


def test_a_lost_connection_frees_the_device(open_transport) -> None:
    first, second = open_transport(), open_transport()
    with held_lock(first, lock_path(first), Silent()) as lock:
        lock.stream.close()
        first.close()
        with held_lock(second, lock_path(second), Silent(), wait_s=10.0):
            with contextlib.suppress(ConnectionLost):
                lock.release()
            with (
                pytest.raises(DeviceHeld),
                held_lock(first, lock_path(first), Silent(), wait_s=1.5),
            ):
                pytest.fail("releasing a lock that is gone has freed another's")


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taskzip").touch()
    local = LocalTransport(tmp_path)
    with (
        pytest.raises(CommandFailed, match="taskzip"),
        held_lock(local, lock_path(local), Silent()),
    ):
        pytest.fail("locked what is not there")


def test_who_does_not_wait_is_told_at_once_and_what_to_do(local: LocalTransport) -> None:
    with (
        held_lock(local, lock_path(local), Silent()),
        pytest.raises(DeviceHeld, match=r"since 20.*--wait.*broken in (600|599) s") as error,
        held_lock(local, lock_path(local), Silent(), wait_s=0),
    ):
        pytest.fail("two sessions hold one device")
    assert error.value.exit_code == 3


def grow_silent(transport: Transport) -> None:
    """End the holder's lease when the device started."""
    path = f"{lock_path(transport)}.beat"
    transport.shell(["sh", "-c", 'echo 0 >"$1"', "x", path]).checked()


def test_a_holder_without_a_sign_of_life_loses_its_lock(open_transport) -> None:
    first, second, noting = open_transport(), open_transport(), Noting()
    with held_lock(first, lock_path(first), Silent()) as lost:
        grow_silent(first)
        with held_lock(second, lock_path(second), noting, wait_s=0) as lock:
            assert re.search(r"broke the lock of .*, process \d+, since 20", noting.steps[0])
            assert len(noting.steps) == 1
            with pytest.raises(LockLost, match=r"took the device over.*did this computer sleep"):
                lost.renew()
            lock.renew()
    assert first.shell(["ls", first.base]).checked().stdout == b""


def test_a_sign_of_life_keeps_the_lock(local: LocalTransport) -> None:
    with held_lock(local, lock_path(local), Silent()) as lock:
        grow_silent(local)
        lock.renew()
        with (
            pytest.raises(DeviceHeld),
            held_lock(local, lock_path(local), Silent(), wait_s=0),
        ):
            pytest.fail("a living session lost its lock")


@pytest.mark.parametrize("beat", ["", "x", "$(exit 3)", "99999999999"])
def test_a_sign_of_life_that_is_none_breaks_no_lock(local: LocalTransport, beat: str) -> None:
    with held_lock(local, lock_path(local), Silent()):
        Path(f"{lock_path(local)}.beat").write_text(beat)
        with (
            pytest.raises(DeviceHeld, match="is used by"),
            held_lock(local, lock_path(local), Silent(), wait_s=0),
        ):
            pytest.fail("a living session lost its lock")


def test_the_next_is_told_who_left_without_cleaning_up(local: LocalTransport) -> None:
    noting = Noting()
    with held_lock(local, lock_path(local), Silent()) as lock:
        lock.stream.close()
        with held_lock(local, lock_path(local), noting):
            pass
    assert re.search(r"the session of .* ended without cleaning up", noting.steps[0])
