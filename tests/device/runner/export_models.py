"""Exports the models of small_models.py and shared_tasks.py into the folder given to it."""

import shutil
import sys
from pathlib import Path

import torch
from torch import nn

from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters import executorch, litert
from taskzip.pipeline.exporters.tensors import raw_bytes

TASKS = ("left", "right")
IMAGE = (1, 1, 12, 12)
ROW = (1, 4)
LARGER_IMAGE = (1, 1, 24, 24)
TASK_COUNTS = (1, 3)


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
    (folder / "image.bin").write_bytes(raw_bytes(image))
    for kind, networks in (("joint", joint), ("separate", separate)):
        for task, network in networks.items():
            (folder / f"{task}.{kind}.out.bin").write_bytes(raw_bytes(network(image)))


def _export_shared(folder: Path) -> None:
    """A joint file for each number of tasks; the tasks are one network under several names."""
    image, network = torch.randn(LARGER_IMAGE), _larger_network()
    for count in TASK_COUNTS:
        entries = [EntryPoint(f"t{index}", network, (image,)) for index in range(count)]
        _export(folder / f"shared{count}", entries)
    (folder / "image.bin").write_bytes(raw_bytes(image))


def main(folder: Path) -> None:
    """`small/`, and `shared/` with the same tiny network."""
    torch.manual_seed(0)
    small, shared = folder / "small", folder / "shared"
    small.mkdir()
    _export_tiny(small)
    shutil.copytree(small, shared)
    _export_small(small)
    _export_shared(shared)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
