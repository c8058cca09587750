"""The runner on the emulated ARM device, with nothing there but what was pushed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskzip.contracts.events import EVENT, Done, Event, Switch
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.device.runner.build import build_runner
from taskzip.device.runner.package import RunnerPackage
from taskzip.device.transport.connect import Door
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual.state import RunningMachine
from tests.device.runner.small_models import TASKS, SmallModels, floats

TOLERANCE = 1e-5
"""Float32 sums of some hundred terms in another order than torch's."""

SMALL_PACKAGE_BYTES = 32 << 20

_KERNEL_FOLDERS = (("proc", "proc"), ("sysfs", "sys"))

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


@dataclass(frozen=True)
class Jail:
    """A folder that is a whole root file system: the runner's package and models, and what every
    kernel offers, /proc and /sys (XNNPACK reads the processors there).
    """

    device: Transport
    root: str
    command: tuple[str, ...]

    def run(self, spec: RunSpec, local: Path) -> list[Event]:
        """Run a spec, written to `local` first, in the jail."""
        local.write_text(spec.model_dump_json())
        self.device.push(local, f"{self.root}/spec.json")
        ran = self.device.shell(["chroot", self.root, *self.command, "spec.json"]).checked()
        return [EVENT.validate_json(line) for line in ran.stdout.splitlines()]


@pytest.fixture
def jail(device: Transport, arm_runner: RunnerPackage, models: SmallModels) -> Iterator[Jail]:
    """A jail on the device that holds what was pushed and no more."""
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
    for kind, folder in _KERNEL_FOLDERS:
        device.shell(["mkdir", f"{root}/{folder}"]).checked()
        device.shell(["mount", "-t", kind, kind, f"{root}/{folder}"]).checked()
    yield Jail(device, root, arm_runner.command(""))
    for _, folder in _KERNEL_FOLDERS:
        device.shell(["umount", f"{root}/{folder}"]).checked()
    device.shell(["rm", "-rf", root]).checked()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_runner_computes_with_nothing_of_the_device(
    jail: Jail, models: SmallModels, tmp_path: Path, runtime: Runtime
) -> None:
    spec = models.spec(runtime, "joint", "parity", packed_cache=True)
    events = jail.run(spec, tmp_path / "spec.json")
    assert isinstance(events[-1], Done)
    assert events[-1].packed_cache_bytes > 0
    for task in TASKS:
        jail.device.pull(f"{jail.root}/out/{task}.bin", tmp_path / task)
        expected = pytest.approx(models.expected("joint", task), abs=TOLERANCE)
        assert floats((tmp_path / task).read_bytes()) == expected


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_joint_switch_costs_no_inference_on_the_counted_clock(
    jail: Jail, models: SmallModels, tmp_path: Path, runtime: Runtime
) -> None:
    events = jail.run(models.spec(runtime, "joint", "latency"), tmp_path / "spec.json")
    for step in events:
        if isinstance(step, Switch) and not step.warmup:
            assert step.switch_ns < min(step.inference_ns) / 50
            assert step.first_output_ns <= 1.5 * max(step.inference_ns)


def test_the_package_for_the_device_is_small(arm_runner: RunnerPackage) -> None:
    assert arm_runner.bytes < SMALL_PACKAGE_BYTES
