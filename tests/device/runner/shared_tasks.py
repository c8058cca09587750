"""One network as one task and as three, all weights shared, as joint files of both runtimes."""

from pathlib import Path

from taskzip.contracts.names import Runtime
from taskzip.contracts.runspec import RunSpec, RunTask, RunTensor
from tests.device.runner.exported import exported_models

FOLDER = "shared"
"""Where the files lie below the runner's working folder."""
WEIGHT_BYTES = 4 * (160 + 4_640 + 1_180_672 + 492_000 + 4_810)
"""Of the network in export_models.py, biases included."""
TASK_COUNTS = (1, 3)
_SUFFIX: dict[Runtime, str] = {"executorch": "pte", "litert": "tflite"}


def shared_models() -> Path:
    """A folder with the files."""
    return exported_models() / FOLDER


def memory_spec(runtime: Runtime, task_count: int, *, packed_cache: bool) -> RunSpec:
    """A memory run of the joint file of that many tasks."""
    suffix = _SUFFIX[runtime]
    model = f"{FOLDER}/shared{task_count}.{suffix}"
    return RunSpec(
        run="test",
        runtime=runtime,
        deployment="joint",
        cache="warm",
        packed_cache=packed_cache,
        mode="memory",
        tasks=tuple(_task(f"t{index}", model) for index in range(task_count)),
        tiny=_tiny(f"{FOLDER}/tiny.{suffix}"),
        packed_dir=f"{FOLDER}/packed" if packed_cache else None,
        sequence=tuple(range(task_count)),
        warmups=0,
        inferences=0,
    )


def _task(name: str, model: str) -> RunTask:
    image = _tensor("image", (1, 1, 24, 24), "image.bin")
    scores = _tensor("scores", (1, 10), f"out/{name}.bin")
    return RunTask(name=name, model=model, entry=name, inputs=(image,), outputs=(scores,))


def _tiny(model: str) -> RunTask:
    row, out = (_tensor("row", (1, 4), file) for file in ("row.bin", "out/tiny.bin"))
    return RunTask(name="tiny", model=model, entry="tiny", inputs=(row,), outputs=(out,))


def _tensor(name: str, shape: tuple[int, ...], file: str) -> RunTensor:
    return RunTensor(name=name, dtype="float32", shape=shape, file=f"{FOLDER}/{file}")
