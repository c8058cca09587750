"""The runner's ballast, for real: on this computer, and on the emulated device."""

import subprocess
import time
from pathlib import Path

import pytest

from taskzip.contracts.ballast import Ballast
from taskzip.contracts.progress import Silent
from taskzip.device.places import home
from taskzip.device.runner.build import build_runner
from taskzip.device.runner.package import RunnerPackage
from taskzip.device.session import open_session
from taskzip.device.transport.connect import Door
from taskzip.device.virtual.state import RunningMachine

MEBIBYTES = 16
_KIB_OF_A_MIB = 1024


def resident_mib(status: str) -> float:
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / _KIB_OF_A_MIB


def until_ended(pid: int, limit_s: float = 60.0) -> None:
    """Return when the process has ended, whether or not anybody asked how."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        if "State:\tZ" in status:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} still runs")


def test_ballast_is_in_memory_and_ends_with_who_started_it(runner: RunnerPackage) -> None:
    words = runner.command(str(runner.folder))
    script = '"$@" & echo $!; wait'
    with subprocess.Popen(
        ["sh", "-c", script, "parent", *words, "--ballast", str(MEBIBYTES)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        told = Ballast.parse(parent.stdout.readline(), "ballast")
        assert told.ballast_bytes == MEBIBYTES << 20
        assert resident_mib(Path(f"/proc/{pid}/status").read_text()) >= MEBIBYTES
        parent.kill()
    until_ended(pid)


@pytest.mark.parametrize("words", [["0"], ["x"], []])
def test_what_is_no_size_is_refused(runner: RunnerPackage, words: list[str]) -> None:
    command = runner.command(str(runner.folder))
    done = subprocess.run([*command, "--ballast", *words], capture_output=True, check=False)
    assert (done.returncode, b"bad_usage" in done.stdout) == (2, True)


@pytest.mark.device
def test_a_session_takes_memory_of_the_emulated_device_and_gives_it_back(
    virtual_machine: RunningMachine, bundle_dir: Path
) -> None:
    transport = Door().open_tcp("127.0.0.1", virtual_machine.port)
    package = build_runner("aarch64", Silent())
    with open_session(
        transport, package, bundle_dir, keep_pushed=False, progress=Silent()
    ) as session:
        with session.ballast(MEBIBYTES) as ballast:
            work = f"{home(transport)}/work"
            ask = 'read -r pid <"$1/.ballast" && cat "/proc/$pid/status"'
            said = transport.shell(["sh", "-c", ask, "ask", work]).checked().text
            assert resident_mib(said) >= MEBIBYTES
            assert (ballast.told.is_locked, ballast.told.is_spared) == (True, True)
        gone = transport.shell(["test", "-e", f"{work}/.ballast"])
        assert gone.exit_code == 1
    transport.close()
