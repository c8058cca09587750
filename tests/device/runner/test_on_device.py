"""The runner on the emulated ARM device, with nothing there but what was pushed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from taskzip.contracts.events import EVENT, Done, Event, Failure, Memory, Switch
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec, RunTask
from taskzip.device.runner.build import build_runner
from taskzip.device.runner.package import RunnerPackage
from taskzip.device.transport.connect import Door
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual.state import RunningMachine
from tests.device.runner.exported import exported_models
from tests.device.runner.shared_tasks import (
    FOLDER,
    TASK_COUNTS,
    WEIGHT_BYTES,
    memory_spec,
    shared_models,
)
from tests.device.runner.small_models import SUFFIX, TASKS, SmallModels, floats

TOLERANCE = 1e-5
"""Float32 sums of some hundred terms in another order than torch's."""

HALF_TOLERANCE = 2e-3
"""Weights of 11 significant bits, and in ExecuTorch sums; outputs are below 1."""
SMALL_PACKAGE_BYTES = 32 << 20
MAX_FURTHER_TASK = 0.02
"""Memory of a further task, above the first, as a part of the weights that all share."""

_KERNEL_FOLDERS = (("proc", "proc"), ("sysfs", "sys"))

pytestmark = pytest.mark.device


@pytest.fixture(scope="session")
def arm_runner() -> RunnerPackage:
    """The runner for the device."""
    return build_runner("aarch64", Silent())


@pytest.fixture(scope="module")
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
        """Run a spec, written to `local` first, in the jail; the last event tells how it ended."""
        local.write_text(spec.model_dump_json())
        self.device.push(local, f"{self.root}/spec.json")
        ran = self.device.shell(["chroot", self.root, *self.command, "spec.json"])
        return [EVENT.validate_json(line) for line in ran.stdout.splitlines()]


@pytest.fixture(scope="module")
def jail(device: Transport, arm_runner: RunnerPackage, models: SmallModels) -> Iterator[Jail]:
    """A jail on the device that holds what was pushed and no more."""
    root = f"{device.base}/jail"
    pushed = []
    for file in arm_runner.files:
        device.push(arm_runner.folder / file.path, f"{root}/{file.path}")
        device.shell(["chmod", oct(file.mode)[2:], f"{root}/{file.path}"]).checked()
        pushed.append(f"{root}/{file.path}")
    for folder, remote in ((models.folder, root), (shared_models(), f"{root}/{FOLDER}")):
        for local in folder.iterdir():
            device.push(local, f"{remote}/{local.name}")
            pushed.append(f"{remote}/{local.name}")
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
def test_weights_in_half_precision_answer_as_torch_does_in_full(
    jail: Jail, models: SmallModels, tmp_path: Path, runtime: Runtime
) -> None:
    full = models.spec(runtime, "joint", "parity")
    model = {"model": f"half.{SUFFIX[runtime]}"}
    half = full.model_copy(update={"tasks": tuple(t.model_copy(update=model) for t in full.tasks)})
    assert isinstance(jail.run(half, tmp_path / "spec.json")[-1], Done)
    for task in TASKS:
        jail.device.pull(f"{jail.root}/out/{task}.bin", tmp_path / task)
        expected = pytest.approx(models.expected("joint", task), abs=HALF_TOLERANCE)
        assert floats((tmp_path / task).read_bytes()) == expected


@pytest.mark.parametrize("way", ["data_file", "no_delegate"])
def test_a_program_that_was_made_otherwise_answers_as_torch_does(
    jail: Jail, tmp_path: Path, way: str
) -> None:
    made = SmallModels(exported_models() / way)
    files = [*made.folder.glob("joint.*"), made.folder / "image.bin"]
    for local in files:
        jail.device.push(local, f"{jail.root}/{way}/{local.name}")
    ran = jail.run(_below(way, made.spec("executorch", "joint", "parity")), tmp_path / "spec.json")
    jail.device.shell(["rm", "-r", f"{jail.root}/{way}"]).checked()
    assert isinstance(ran[-1], Done)
    for task in TASKS:
        jail.device.pull(f"{jail.root}/out/{task}.bin", tmp_path / task)
        expected = pytest.approx(made.expected("joint", task), abs=TOLERANCE)
        assert floats((tmp_path / task).read_bytes()) == expected


def _below(folder: str, spec: RunSpec) -> RunSpec:
    """The same with models and inputs in a folder."""

    def moved(task: RunTask) -> RunTask:
        inputs = tuple(
            each.model_copy(update={"file": f"{folder}/{each.file}"}) for each in task.inputs
        )
        return task.model_copy(update={"model": f"{folder}/{task.model}", "inputs": inputs})

    return spec.model_copy(update={"tasks": tuple(map(moved, spec.tasks))})


@pytest.fixture
def full_folder(jail: Jail) -> Iterator[str]:
    """A folder in the jail that has room for a third of the small models' packed weights."""
    folder = f"{jail.root}/full"
    jail.device.shell(["mkdir", folder]).checked()
    jail.device.shell(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).checked()
    yield folder
    jail.device.shell(["umount", folder]).checked()
    jail.device.shell(["rmdir", folder]).checked()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_device_that_is_full_is_told_and_keeps_no_part_of_a_packed_cache(
    jail: Jail, full_folder: str, models: SmallModels, tmp_path: Path, runtime: Runtime
) -> None:
    spec = models.spec(runtime, "joint", "parity", packed_cache=True)
    full = spec.model_copy(update={"packed_dir": full_folder.removeprefix(f"{jail.root}/")})
    for _ in range(2):
        last = jail.run(full, tmp_path / "spec.json")[-1]
        assert isinstance(last, Failure)
        assert (last.code, "bytes are free" in last.message) == ("write_failed", True)
        assert jail.device.shell(["ls", "-A", full_folder]).checked().text == ""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_joint_switch_costs_no_inference_on_the_counted_clock(
    jail: Jail, models: SmallModels, tmp_path: Path, runtime: Runtime
) -> None:
    """In the median: the guest's own kernel works now and then, for longer than these networks."""
    spec = models.spec(runtime, "joint", "latency").model_copy(update={"sequence": (0, 1) * 5})
    events = jail.run(spec, tmp_path / "spec.json")
    steps = [event for event in events if isinstance(event, Switch) and not event.warmup]
    assert median(step.switch_ns / min(step.inference_ns) for step in steps) < 1 / 50
    assert median(step.first_output_ns / max(step.inference_ns) for step in steps) <= 1.5


@pytest.mark.parametrize("packed_cache", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_further_task_that_shares_everything_costs_no_weights_in_memory(
    jail: Jail,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    runtime: Runtime,
    packed_cache: bool,
) -> None:
    first, *_, last = TASK_COUNTS
    above_start = {}
    for count in (first, last):
        spec = memory_spec(runtime, count, packed_cache=packed_cache)
        events = jail.run(spec, tmp_path / "spec.json")
        readings = {event.phase: event for event in events if isinstance(event, Memory)}
        above_start[count] = readings["switched"].pss_bytes - readings["start"].pss_bytes
        parts = readings["switched"].parts
        weights = parts.packed_cache if packed_cache else parts.heap
        assert weights.pss_bytes >= WEIGHT_BYTES
    each = (above_start[last] - above_start[first]) / (last - first)
    record_property("further_task_bytes", each)
    record_property("further_task_of_weights", each / WEIGHT_BYTES)
    assert each <= MAX_FURTHER_TASK * WEIGHT_BYTES


def test_the_package_for_the_device_is_small(arm_runner: RunnerPackage) -> None:
    assert arm_runner.bytes < SMALL_PACKAGE_BYTES
