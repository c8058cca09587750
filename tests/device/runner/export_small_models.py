"""Exports the models of small_models.py into the folder given on the command line."""

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


def main(folder: Path) -> None:
    """One file of both tasks on one trunk, one file for each on its own, one tiny network."""
    torch.manual_seed(0)
    image, row = torch.randn(IMAGE), torch.randn(ROW)
    shared = _trunk()
    joint = {task: _network(shared) for task in TASKS}
    separate = {task: _network(_trunk()) for task in TASKS}
    files = {"joint": joint, **{task: {task: net} for task, net in separate.items()}}
    for name, networks in files.items():
        _export(folder / name, [EntryPoint(task, net, (image,)) for task, net in networks.items()])
    _export(folder / "tiny", [EntryPoint("tiny", nn.Linear(4, 4).eval(), (row,))])
    (folder / "image.bin").write_bytes(raw_bytes(image))
    (folder / "row.bin").write_bytes(raw_bytes(row))
    for kind, networks in (("joint", joint), ("separate", separate)):
        for task, network in networks.items():
            (folder / f"{task}.{kind}.out.bin").write_bytes(raw_bytes(network(image)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
