"""What happens to the emulated device, and to its host, in the middle of a run."""

import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from taskzip.contracts.progress import Silent
from taskzip.device.errors import ConnectionLost
from taskzip.device.prover.build import build_prover
from taskzip.device.session import Session
from taskzip.device.transport.adb import AdbTransport
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual import machine
from taskzip.device.virtual.endpoint import free_port
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine
from tests.device.conftest import DONE, HELLO, saying
from tests.device.faults.conftest import Scene, check_nothing_left
from tests.device.faults.table import Row

pytestmark = pytest.mark.device

RESTART_ADBD = """
setsid sh -c 'sleep 0.2; kill -9 $1; sleep 0.2; ADB_TCP_PORT=5555 exec adbd' x "$(pidof adbd)" \
    </dev/null >/dev/null 2>&1 &
sleep 0.1
"""
INTERRUPTED_SESSION = """
import pickle, sys
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.session import open_session
from taskzip.device.transport.connect import Door
port, keys, bundle, package, spec = pickle.loads(sys.stdin.buffer.read())
transport = Door(keys=keys).open_tcp("127.0.0.1", port)
with open_session(transport, package, bundle, keep_pushed=False, progress=Silent()) as session:
    for event in session.run(RunSpec.model_validate_json(spec)):
        print(event.kind, flush=True)
"""


def sh(transport: Transport, script: str, *words: str) -> None:
    transport.shell(["sh", "-c", script, "x", *words]).checked()


@pytest.fixture
def prover_program() -> Path:
    return build_prover("aarch64", Silent())


@pytest.fixture
def connect(virtual_machine: RunningMachine, tmp_path: Path) -> Iterator[Callable[..., Transport]]:
    """Opens connections to the device; `base` is the folder where sessions work."""
    opened: list[Transport] = []

    def open_it(base: str | None = None) -> Transport:
        door = Door(Patience(20.0), tmp_path)
        if base is None:
            opened.append(door.open_tcp("127.0.0.1", virtual_machine.port))
        else:
            inner = door.open_tcp("127.0.0.1", virtual_machine.port)
            opened.append(Elsewhere(inner, base))
        return opened[-1]

    yield open_it
    for transport in opened:
        transport.close()


class Elsewhere:
    """A device that gives the harness another folder."""

    def __init__(self, inner: AdbTransport, base: str) -> None:
        self.serial, self.base = inner.serial, base
        self.shell, self.lines, self.close = inner.shell, inner.lines, inner.close
        self.push, self.pull = inner.push, inner.pull


@pytest.fixture
def mounted(straight: Transport) -> Iterator[Callable[[str], str]]:
    """Mounts a file system of its own, in memory, with such options."""
    folder = f"{straight.base}/mounted"

    def mount(options: str) -> str:
        sh(straight, 'mkdir "$1" && mount -t tmpfs -o "$2" mounted "$1"', folder, options)
        return folder

    yield mount
    sh(straight, 'ls -A "$1" | grep . && exit 1; umount "$1" && rmdir "$1"', folder)


def test_a_read_only_folder(connect, mounted, scene: Scene) -> None:
    error = scene.run(connect(mounted("ro,size=1m")))
    scene.check("The device's folder is read-only", error)


def test_a_disk_that_fills_up_in_a_run(connect, mounted, make_scene) -> None:
    filling = "mkdir runs; head -c 40000000 /dev/zero >runs/packed || exit 1"
    scene = make_scene(f"{saying(HELLO)}\n{filling}\n{saying(DONE)}")
    error = scene.run(connect(mounted("size=24m")))
    scene.check("The disk fills up in a run", error)


def test_a_disk_that_is_too_small(connect, mounted, scene: Scene) -> None:
    error = scene.run(connect(mounted("size=9m")))
    scene.check("The disk is too small for what is to be pushed", error)


@pytest.mark.slow
def test_a_clock_that_is_set(connect, straight: Transport, scene: Scene) -> None:
    def set_clock(_: Session) -> None:
        sh(straight, "date -s @1000000000")

    try:
        error = scene.run(connect(), set_clock)
    finally:
        sh(straight, 'date -s "@$1"', str(int(time.time())))
    scene.check("The device's clock is set back by years", error)


@pytest.mark.slow
def test_adbd_that_is_started_again(connect, straight: Transport, scene: Scene) -> None:
    def restart(_: Session) -> None:
        sh(straight, RESTART_ADBD)
        time.sleep(5.0)

    error = scene.run(connect(), restart)
    with suppress(ConnectionLost):
        straight.shell(["true"])
    scene.check("adbd is started again", error)


@pytest.mark.slow
def test_an_adb_server_that_is_killed_by_another_tool(
    connect, straight: Transport, scene: Scene, tmp_path: Path
) -> None:
    environment = {"ANDROID_ADB_SERVER_PORT": str(free_port()), "HOME": str(tmp_path)}

    def adb(*words: str) -> None:
        subprocess.run(["/usr/bin/adb", *words], env=environment, check=True, capture_output=True)

    adb("connect", straight.serial)
    error = scene.run(connect(), lambda _: adb("kill-server"))
    scene.check("An adb server on the same device is killed", error)


@pytest.mark.slow
def test_a_device_that_starts_again(scene: Scene, tmp_path: Path) -> None:
    profile = Profile(clock="counted", label=f"reboot-{free_port()}")
    first = machine.start(profile, Silent())
    started = [first]

    def restart(_: Session) -> None:
        machine.stop(first, Silent())
        started.append(machine.start(profile, Silent(), first.port))

    transport = Door(Patience(20.0), tmp_path).open_tcp("127.0.0.1", first.port)
    try:
        error = scene.run(transport, restart)
        check_nothing_left(transport)
    finally:
        transport.close()
        machine.stop(started[-1], Silent())
    scene.check("The device starts again", error)


@pytest.mark.parametrize(
    ("sign", "fault", "exit_code"),
    [
        pytest.param(
            signal.SIGINT, "The command is interrupted (Ctrl-C)", 130, marks=pytest.mark.slow
        ),
        (signal.SIGKILL, "The command is killed", 137),
    ],
)
def test_a_host_process_that_ends(  # noqa: PLR0913, PLR0917  # fixtures
    straight: Transport,
    virtual_machine: RunningMachine,
    make_scene,
    connect,
    tmp_path: Path,
    sign: signal.Signals,
    fault: str,
    exit_code: int,
) -> None:
    scene = make_scene(f"{saying(HELLO)}\nexec sleep 600")
    given = virtual_machine.port, tmp_path, scene.bundle_dir, scene.package
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED_SESSION],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(pickle.dumps((*given, scene.spec.model_dump_json())))
        process.stdin.close()
        assert process.stdout.readline() == b"hello\n"
        process.send_signal(sign)
    if sign == signal.SIGKILL:
        assert make_scene().run(connect()) is None
        scene.check_row(Row(fault, "the next session removes what it left", exit_code))
    else:
        scene.check_row(Row(fault, "removes what is on the device, and ends", exit_code))
