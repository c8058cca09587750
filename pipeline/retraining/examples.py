"""What the joint network learns from: each task's inputs, and what it should answer to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.reservoir import Reservoir
from taskzip.pipeline.zipper.stream import PART_IMAGES

HELD_OUT_PART = 10
"""One image of so many is held out, at most MOST_HELD_OUT."""
MOST_HELD_OUT = 1_000

Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Examples:
    """Inputs (n, …) and targets (n, …) of one task."""

    inputs: torch.Tensor
    targets: torch.Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def at(self, index: torch.Tensor) -> "Examples":
        """Those of `index`, in its order."""
        return Examples(self.inputs[index], self.targets[index])

    def parts(self) -> Iterator[Pair]:
        """All, a few at a time."""
        split = self.inputs.split(PART_IMAGES), self.targets.split(PART_IMAGES)
        yield from zip(*split, strict=True)


def gather(task: Task, target: Literal["outputs", "labels"], limit_bytes: int) -> Examples:
    """The task's data; of more than `limit_bytes` a uniform sample.

    BadInput where data and network do not go together.
    """
    sample: Reservoir | None = None
    for inputs, targets in _labelled(task) if target == "labels" else _answered(task):
        sample = sample or Reservoir(_capacity(limit_bytes, inputs, targets))
        sample.add((inputs, targets))
    if sample is None:
        raise BadInput(f"task {task.name}: there is no batch to retrain on; at least one is needed")
    return Examples(*sample.rows())


def split(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """Those to learn from, and those held out; too few are used for both."""
    held = min(len(examples) // HELD_OUT_PART, MOST_HELD_OUT)
    if held == 0:
        return examples, examples
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(seed))
    return examples.at(order[held:]), examples.at(order[:held])


@torch.no_grad()
def _answered(task: Task) -> Iterator[Pair]:
    for batch in _unlabelled(task):
        for part in batch.split(PART_IMAGES):
            yield part, task.network(part)


def _unlabelled(task: Task) -> Iterator[torch.Tensor]:
    if task.training is None:
        yield from task.calibration()
    else:
        yield from (inputs for inputs, _ in task.training())


def _labelled(task: Task) -> Iterator[Pair]:
    if task.training is None:
        raise BadInput(
            f"task {task.name}: no labelled training data to retrain on; give its config "
            'training = "module:function", or set retrain.target = "outputs"'
        )
    classes: int | None = None
    for inputs, labels in task.training():
        if labels is None:
            raise BadInput(
                f"task {task.name}: training yields inputs without labels; let it yield "
                '(inputs, labels), or set retrain.target = "outputs"'
            )
        classes = classes or _classes(task, inputs)
        if int(labels.min()) < 0 or int(labels.max()) >= classes:
            raise BadInput(
                f"task {task.name}: training has labels from {int(labels.min())} to "
                f"{int(labels.max())}; its network has {classes} classes, counted from 0"
            )
        yield inputs, labels.long()


@torch.no_grad()
def _classes(task: Task, inputs: torch.Tensor) -> int:
    return int(task.network(inputs[:1]).shape[1])


def _capacity(limit_bytes: int, *tensors: torch.Tensor) -> int:
    row_bytes = sum(each[0].numel() * each.element_size() for each in tensors)
    return max(1, limit_bytes // row_bytes)
