"""The runner on the emulated ARM device, with nothing there but what was pushed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taskzip.contracts.events import EVENT, Done, Memory
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import Mode
from taskzip.device.runner.build import build_runner
from taskzip.device.runner.package import RunnerPackage
from taskzip.device.transport.connect import Door
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual.state import RunningMachine
from tests.device.runner.small_models import TASKS, SmallModels, floats

TOLERANCE = 1e-5
"""Float32 sums of some hundred terms in another order than torch's."""

SMALL_PACKAGE_BYTES = 32 << 20

pytestmark = pytest.mark.device


@pytest.fixture(scope="session")
def arm_runner() -> RunnerPackage:
    """The runner for the device."""
    return build_runner("aarch64", Silent())


@pytest.fixture
def device(virtual_machine: RunningMachine) -> Iterator[Transport]:
    """A connection to the emulated device."""
    transport = Door().open_tcp("127.0.0.1", virtual_machine.port)
    yield transport
    transport.close()


@pytest.fixture
def jail(device: Transport, arm_runner: RunnerPackage, models: SmallModels) -> Iterator[str]:
    """A folder that is a whole root file system for the runner: its package, models, /proc."""
    root = f"{device.base}/jail"
    pushed = []
    for file in arm_runner.files:
        device.push(arm_runner.folder / file.path, f"{root}/{file.path}")
        device.shell(["chmod", oct(file.mode)[2:], f"{root}/{file.path}"]).checked()
        pushed.append(f"{root}/{file.path}")
    for local in models.folder.iterdir():
        device.push(local, f"{root}/{local.name}")
        pushed.append(f"{root}/{local.name}")
    held = device.shell(["find", root, "-type", "f"]).checked().text.split()
    assert sorted(held) == sorted(pushed)
    device.shell(["mkdir", f"{root}/proc"]).checked()
    device.shell(["mount", "-t", "proc", "proc", f"{root}/proc"]).checked()
    yield root
    device.shell(["umount", f"{root}/proc"]).checked()
    device.shell(["rm", "-rf", root]).checked()


@pytest.mark.parametrize("mode", ["parity", "memory"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_runner_needs_nothing_of_the_device(
    device: Transport,
    jail: str,
    arm_runner: RunnerPackage,
    models: SmallModels,
    tmp_path: Path,
    runtime: Runtime,
    mode: Mode,
) -> None:
    spec = models.spec(runtime, "joint", mode, packed_cache=True)
    local = tmp_path / "spec.json"
    local.write_text(spec.model_dump_json())
    device.push(local, f"{jail}/spec.json")
    ran = device.shell(["chroot", jail, *arm_runner.command(""), "spec.json"]).checked()
    events = [EVENT.validate_json(line) for line in ran.stdout.splitlines()]
    assert isinstance(events[-1], Done)
    assert events[-1].packed_cache_bytes > 0
    if mode == "memory":
        assert len([event for event in events if isinstance(event, Memory)]) == 6
        return
    for task in TASKS:
        device.pull(f"{jail}/out/{task}.bin", tmp_path / task)
        expected = pytest.approx(floats(models.expected["joint", task]), abs=TOLERANCE)
        assert floats((tmp_path / task).read_bytes()) == expected


def test_the_package_for_the_device_is_small(arm_runner: RunnerPackage) -> None:
    assert arm_runner.bytes < SMALL_PACKAGE_BYTES
