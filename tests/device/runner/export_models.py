"""Exports the models of small_models.py and shared_tasks.py into the folder given to it."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from taskzip.contracts.config import TOLERANCES
from taskzip.contracts.names import PRECISIONS, RUNTIMES, Precision
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters import executorch, litert
from taskzip.pipeline.exporters.executorch_precision import rounded
from taskzip.pipeline.exporters.making import Making
from taskzip.pipeline.exporters.parity import cases_of
from taskzip.pipeline.exporters.precision import export_rounded
from taskzip.pipeline.exporters.tensors import outputs_of, raw_bytes
from taskzip.pipeline.recipe import Add, Copy, Recipe, Scale

TASKS = ("left", "right")
ASSEMBLED_TASKS = (*TASKS, "middle")
IMAGE = (1, 1, 12, 12)
ROW = (1, 4)
LARGER_IMAGE = (1, 1, 24, 24)
TASK_COUNTS = (1, 3)
OTHERWISE = {"data_file": Making(data_file=True), "no_delegate": Making(delegate="none")}
SUFFIX = {"executorch": ".pte", "litert": ".tflite"}


def _trunk() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(200, 256),
        nn.ReLU(),
    )


def _network(trunk: nn.Module) -> nn.Module:
    return nn.Sequential(trunk, nn.Linear(256, 10)).eval()


def _export(stem: Path, entries: list[EntryPoint]) -> None:
    executorch.export(entries, stem.with_suffix(".pte"))
    litert.export(entries, stem.with_suffix(".tflite"))


def _export_half(folder: Path, entries: list[EntryPoint]) -> None:
    """The joint file with fp16 weights."""
    cases = {entry.name: cases_of(entry) for entry in entries}
    for runtime in RUNTIMES:
        path = (folder / "half").with_suffix(SUFFIX[runtime])
        export_rounded(
            runtime, entries, cases, path, (Making(precision="fp16"), TOLERANCES["fp16"])
        )


def _larger_network() -> nn.Module:
    """6.4 MiB of weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1152, 1024),
        nn.ReLU(),
        nn.Linear(1024, 480),
        nn.ReLU(),
        nn.Linear(480, 10),
    ).eval()


def _export_tiny(folder: Path) -> None:
    row = torch.randn(ROW)
    _export(folder / "tiny", [EntryPoint("tiny", nn.Linear(4, 4).eval(), (row,))])
    (folder / "row.bin").write_bytes(raw_bytes(row))


def _export_small(folder: Path) -> None:
    """One file of both tasks on one trunk, one file for each on its own, one tiny network."""
    image = torch.randn(IMAGE)
    shared = _trunk()
    joint = {task: _network(shared) for task in TASKS}
    separate = {task: _network(_trunk()) for task in TASKS}
    files = {"joint": joint, **{task: {task: net} for task, net in separate.items()}}
    for name, networks in files.items():
        _export(folder / name, [EntryPoint(task, net, (image,)) for task, net in networks.items()])
    _export_half(folder, [EntryPoint(task, net, (image,)) for task, net in joint.items()])
    (folder / "image.bin").write_bytes(raw_bytes(image))
    for kind, networks in (("joint", joint), ("separate", separate)):
        for task, network in networks.items():
            (folder / f"{task}.{kind}.out.bin").write_bytes(raw_bytes(network(image)))


def _export_otherwise(folder: Path, making: Making) -> None:
    """One file of both tasks for ExecuTorch, made in another way."""
    image, shared = torch.randn(IMAGE), _trunk()
    networks = {task: _network(shared) for task in TASKS}
    entries = [EntryPoint(task, network, (image,)) for task, network in networks.items()]
    executorch.export(entries, folder / "joint.pte", making)
    (folder / "image.bin").write_bytes(raw_bytes(image))
    for task, network in networks.items():
        (folder / f"{task}.joint.out.bin").write_bytes(raw_bytes(network(image)))


def _export_shared(folder: Path) -> None:
    """A joint file for each number of tasks; the tasks are one network under several names."""
    image, network = torch.randn(LARGER_IMAGE), _larger_network()
    for count in TASK_COUNTS:
        entries = [EntryPoint(f"t{index}", network, (image,)) for index in range(count)]
        _export(folder / f"shared{count}", entries)
    (folder / "image.bin").write_bytes(raw_bytes(image))


class Assembled(nn.Module):
    """Convolutions of one shape and a linear layer, each to be kept in parts; 4.6 MiB a task."""

    def __init__(self, parts: list[torch.Tensor], linear: torch.Tensor) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in parts)
        self.last = nn.Linear(1152, 1024)
        self.recipes = {f"middle.{i}.weight": _recipe(part) for i, part in enumerate(parts)}
        self.recipes["last.weight"] = _recipe(linear)
        for name, recipe in self.recipes.items():
            self.get_parameter(name).data = recipe.weights()
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (1, 1, 12, 12) → (1, 1024)."""
        y = self.first(x).relu()
        for layer in self.middle:
            y = layer(y).relu()
        scores: torch.Tensor = self.last(y.flatten(1))
        return scores


def _recipe(shared: torch.Tensor) -> Recipe:
    """Three quarters of the outputs and inputs shared and scaled, entries in them, the rest own."""
    rows, columns = (size * 3 // 4 for size in shared.shape[:2])
    own = torch.randn_like(shared) / 30
    entries = torch.randperm(rows * shared[0].numel())[:20]
    steps = (
        Copy(shared[:rows, :columns], 0, 0),
        Copy(own[:rows, columns:], 0, columns),
        Add(torch.randn(20), entries),
        Scale(torch.rand(rows) + 0.5, 0),
        Copy(own[rows:], rows, 0),
    )
    return Recipe(tuple(shared.shape), steps)


def _assembled_entries(parts: int, tasks: Sequence[str]) -> list[EntryPoint]:
    image = torch.randn(IMAGE)
    middle = [torch.randn(8, 8, 3, 3) / 30 for _ in range(parts)]
    linear = torch.randn(1024, 1152) / 30
    networks = {task: Assembled(middle, linear) for task in tasks}
    return [
        EntryPoint(task, network, (image,), recipes=network.recipes)
        for task, network in networks.items()
    ]


def _export_assembled(folder: Path, precision: Precision) -> None:
    """A joint file of three tasks, of two below fp32."""
    if precision == "fp32":
        entries = _assembled_entries(3, ASSEMBLED_TASKS)
    else:
        entries = [*rounded(_assembled_entries(1, TASKS), precision)]
    executorch.export(entries, folder / "joint.pte", Making(precision=precision))
    (folder / "image.bin").write_bytes(raw_bytes(entries[0].inputs[0]))
    for entry in entries:
        (answer,) = outputs_of(entry.module, entry.inputs)
        (folder / f"{entry.name}.joint.out.bin").write_bytes(raw_bytes(answer))


def main(folder: Path) -> None:
    """`small/`, and other folders with the same tiny network."""
    torch.manual_seed(0)
    small, shared = folder / "small", folder / "shared"
    small.mkdir()
    _export_tiny(small)
    shutil.copytree(small, shared)
    assembled = {each: shutil.copytree(small, folder / f"assembled.{each}") for each in PRECISIONS}
    for name, making in OTHERWISE.items():
        _export_otherwise(Path(shutil.copytree(small, folder / name)), making)
    for precision in PRECISIONS:
        _export_assembled(assembled[precision], precision)
    _export_small(small)
    _export_shared(shared)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
