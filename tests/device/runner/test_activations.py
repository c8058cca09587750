"""What LiteRT keeps for each task that never runs together with another."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from taskzip.contracts.events import Memory
from taskzip.contracts.runspec import RunSpec, RunTask, RunTensor
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters import litert
from taskzip.pipeline.exporters.tensors import raw_bytes
from tests.device.runner.running import Bench
from tests.device.runner.small_models import SmallModels

SIDE, CHANNELS, SCORES = 256, 32, 8
IMAGE = (1, 1, SIDE, SIDE)
MIB = 1 << 20
ACTIVATION_BYTES = 4 * CHANNELS * SIDE * SIDE
TABLES_BYTES = 2 * 8 * 9 * SIDE * SIDE
"""Addresses that two 3 × 3 convolutions read, of each output point and element of the kernel."""
COUNTS = (1, 3)

pytestmark = pytest.mark.slow


class Wide(nn.Module):
    """Two convolutions and what lies between them."""

    def __init__(self, between: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, CHANNELS, 3, padding=1)
        self.last = nn.Conv2d(CHANNELS, SCORES, 3, padding=1)
        self.between = between
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (1, 1, 256, 256) → (1, 8)."""
        return self.last(self.between(self.first(x).relu())).relu().mean((2, 3))


def _tensor(name: str, shape: tuple[int, ...], file: str) -> RunTensor:
    return RunTensor(name=name, dtype="float32", shape=shape, file=file)


def _spec(models: SmallModels, file: str, count: int) -> RunSpec:
    image = _tensor("image", IMAGE, "wide.bin")
    tasks = tuple(
        RunTask(
            name=name,
            model=file,
            entry=name,
            inputs=(image,),
            outputs=(_tensor("scores", (1, SCORES), f"out/{name}.bin"),),
        )
        for name in (f"t{index}" for index in range(count))
    )
    made = models.spec("litert", "joint", "memory")
    return made.model_copy(update={"tasks": tasks, "sequence": tuple(range(count))})


def _further_task_bytes(bench: Bench, network: Wide) -> float:
    """Memory of each task above the first, once all have run; they share every weight."""
    image = torch.randn(IMAGE)
    (bench.folder / "wide.bin").write_bytes(raw_bytes(image))
    kept = []
    for count in COUNTS:
        entries = [EntryPoint(f"t{index}", network, (image,)) for index in range(count)]
        litert.export(entries, bench.folder / f"wide{count}.tflite")
        ran = bench.run(_spec(bench.models, f"wide{count}.tflite", count))
        pss = {event.phase: event.pss_bytes for event in ran.of(Memory)}
        kept.append(pss["switched"] - pss["start"])
    return (kept[1] - kept[0]) / (COUNTS[1] - COUNTS[0])


def test_activations_inside_xnnpack_are_shared(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    found = _further_task_bytes(bench, Wide(torch.neg))
    record_property("further_task_bytes", found)
    assert abs(found - TABLES_BYTES) < MIB


def test_tensors_between_xnnpack_and_other_operators_are_each_tasks_own(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    found = _further_task_bytes(bench, Wide(lambda x: torch.cumsum(x, 3)))
    record_property("further_task_bytes", found)
    assert abs(found - TABLES_BYTES - 2 * ACTIVATION_BYTES) < MIB
