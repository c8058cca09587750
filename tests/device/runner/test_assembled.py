"""Weights that the runner puts together when a task is loaded, with a real file of three tasks."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from taskzip.contracts.events import Memory, Switch
from taskzip.contracts.names import Deployment, Precision
from taskzip.contracts.runspec import Mode, RunSpec, RunTask
from taskzip.device.runner.package import RunnerPackage
from tests.device.runner.exported import exported_models
from tests.device.runner.running import Bench, Ran
from tests.device.runner.small_models import SmallModels

TASKS = ("left", "right", "middle")
SCORES = (1, 1024)
TASK_BYTES = 4 * (80 + 3 * 584 + 1152 * 1024 + 1024)
"""Weights and biases of a task, put together."""
RUNTIME_BYTES = 512 * 1024
"""What XNNPACK and malloc keep once a method was loaded, whatever its size."""
TWO = ("left", "right")
"""Tasks of the files below fp32."""
ROUNDED: dict[Precision, float] = {"fp16": 5e-2, "int8-dynamic": 1e-4, "int8-static": 1e-1}
"""What answers up to 5 may be off by: roundings to 11 bits, in every sum where a processor computes
in half precision, and two to 8 bits."""


def bench_of(precision: Precision, runner: RunnerPackage, folder: Path) -> Bench:
    """A working folder with a joint file of the tasks."""
    models = SmallModels(exported_models() / f"assembled.{precision}")
    return Bench(runner, models, Path(shutil.copytree(models.folder, folder / "work")))


@pytest.fixture
def assembled(runner: RunnerPackage, tmp_path: Path) -> Bench:
    """Of three tasks, in fp32."""
    return bench_of("fp32", runner, tmp_path)


def spec(
    bench: Bench,
    deployment: Deployment,
    mode: Mode,
    *,
    packed: bool = False,
    names: Sequence[str] = TASKS,
) -> RunSpec:
    made = bench.models.spec("executorch", deployment, mode, packed_cache=packed)
    tasks = tuple(_named(made.tasks[0], name) for name in names)
    sequence = (0, 1, 2, 0, 2, 1) if names == TASKS else (0, 1, 0, 1)
    return made.model_copy(update={"tasks": tasks, "sequence": sequence})


def _named(task: RunTask, name: str) -> RunTask:
    scores = task.outputs[0].model_copy(update={"shape": SCORES, "file": f"out/{name}.bin"})
    return task.model_copy(update={"name": name, "entry": name, "outputs": (scores,)})


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("deployment", ["joint", "joint-lazy"])
def test_tasks_answer_as_torch_does(assembled: Bench, deployment: Deployment, packed: bool) -> None:
    for _ in ("caches are made", "caches are there"):
        ran = assembled.run(spec(assembled, deployment, "parity", packed=packed))
        assembled.check_joint_answers(ran, TASKS)


@pytest.mark.parametrize("precision", ROUNDED)
def test_rounded_tasks_answer_as_torch_does(
    runner: RunnerPackage, precision: Precision, tmp_path: Path
) -> None:
    bench = bench_of(precision, runner, tmp_path)
    for packed in (False, True, True):
        ran = bench.run(spec(bench, "joint-lazy", "parity", packed=packed, names=TWO))
        bench.check_joint_answers(ran, TWO, ROUNDED[precision])
    packed_spec = spec(bench, "joint-lazy", "memory", packed=True, names=TWO)
    assert loaded_bytes(bench.run(packed_spec)) < RUNTIME_BYTES


def loaded_bytes(ran: Ran) -> int:
    """What loading all tasks takes at its peak."""
    peak = {event.phase: event.peak_rss_bytes for event in ran.of(Memory)}
    return peak["loaded"] - peak["start"]


def test_a_switch_puts_the_weights_together_again(assembled: Bench) -> None:
    ran = assembled.run(spec(assembled, "joint-lazy", "latency"))
    switches = ran.of(Switch)
    assert [TASKS.index(switch.task) for switch in switches] == [0, 1, 2, 0, 2, 1]
    assert all(switch.prepare_ns > 0 for switch in switches)


def test_a_packed_cache_without_a_task_is_told_from_one_with_it(assembled: Bench) -> None:
    whole = spec(assembled, "joint-lazy", "parity", packed=True)
    first = whole.model_copy(update={"tasks": whole.tasks[:2], "sequence": (0, 1)})
    assert assembled.run(first).exit_code == 0
    for _ in ("one task is missing in it", "and again"):
        assembled.check_joint_answers(assembled.run(whole), TASKS)


def test_weights_that_are_packed_are_not_put_together_again(assembled: Bench) -> None:
    packed = spec(assembled, "joint-lazy", "memory", packed=True)
    assembled.run(packed)
    assert loaded_bytes(assembled.run(packed)) < RUNTIME_BYTES


def test_loaded_tasks_take_their_weights_once_and_unloading_gives_them_back(
    assembled: Bench,
) -> None:
    ran = assembled.run(spec(assembled, "joint", "memory"))
    pss = {event.phase: event.pss_bytes for event in ran.of(Memory)}
    loaded = pss["loaded"] - pss["start"]
    assert 0 <= loaded - len(TASKS) * TASK_BYTES < RUNTIME_BYTES
    assert pss["unloaded"] - pss["start"] < RUNTIME_BYTES


@pytest.mark.parametrize(
    ("before", "after", "code", "message"),
    [
        (b'"op":"copy"', b'"op":"cope"', "open_failed", "unknown word 'cope'"),
        (b'"row":0', b'"row":9', "open_failed", "not an integer from 0 to"),
        (b'"block":"taskzip.', b'"block":"taskzap.', "load_failed", "is not in the file"),
        (b'"format":2', b'"format":1', "open_failed", "format: not an integer from 2 to 2"),
    ],
)
def test_damaged_recipes_are_told(
    assembled: Bench, before: bytes, after: bytes, code: str, message: str
) -> None:
    path = assembled.folder / "joint.pte"
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))
    failure = assembled.run(spec(assembled, "joint", "parity")).failure
    assert failure.code == code
    assert message in failure.message


def test_a_file_that_ends_early_is_told(assembled: Bench) -> None:
    path = assembled.folder / "joint.pte"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    failure = assembled.run(spec(assembled, "joint", "parity")).failure
    assert failure.code in ("open_failed", "load_failed")
