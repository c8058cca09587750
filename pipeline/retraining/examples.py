"""What the joint network learns from: each task's inputs, and what it should answer to them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import one_hot

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.retraining.features import Watched
from taskzip.pipeline.zipper.reservoir import Reservoir
from taskzip.pipeline.zipper.stream import PART_IMAGES

HELD_OUT_PART = 10
"""One image of so many is held out, at most MOST_HELD_OUT."""
MOST_HELD_OUT = 1_000
_IMAGE_DIMENSIONS = 4
_SCORE_DIMENSIONS = 2

Row = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Examples:
    """Inputs (n, …) and targets (n, …) of one task; beside them, where they are learned as well,
    labels as chances (n, classes) and features of the original network (n, F).
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    labels: torch.Tensor | None = None
    features: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def at(self, index: torch.Tensor) -> "Examples":
        """Those of `index`, in its order."""
        found = self.of_same_kind([each[index] for each in self.tensors()])
        return replace(found, inputs=_laid_out(found.inputs))

    def of_same_kind(self, tensors: Iterable[torch.Tensor]) -> "Examples":
        """Others, whose `tensors()` are these."""
        given = iter(tensors)
        inputs, targets = next(given), next(given)
        labels = None if self.labels is None else next(given)
        features = None if self.features is None else next(given)
        return Examples(inputs, targets, labels, features)

    def parts(self) -> Iterator["Examples"]:
        """All, a few at a time."""
        for index in torch.arange(len(self)).split(PART_IMAGES):
            yield self.at(index)

    @torch.no_grad()
    def through(self, front: nn.Module) -> "Examples":
        """What a network's first layers give in the place of the inputs."""
        given = torch.cat([front(each.inputs) for each in self.parts()])
        return replace(self, inputs=given)

    def tensors(self) -> Row:
        """Those that there are, each (n, …)."""
        every = (self.inputs, self.targets, self.labels, self.features)
        return tuple(each for each in every if each is not None)


def gather(
    task: Task,
    target: Literal["outputs", "labels"],
    limit_bytes: int,
    *,
    with_labels: bool = False,
    original: Watched | None = None,
) -> Examples:
    """The task's data; of more than `limit_bytes` a uniform sample.

    `with_labels` they stand beside outputs, if `training` has some; with the `original` network
    watched, its features do. BadInput where data and network do not go together.
    """
    sample: Reservoir | None = None
    rows = _labelled(task) if target == "labels" else _answered(task, with_labels, original)
    for examples in rows:
        row = examples.tensors()
        sample = sample or Reservoir(_capacity(limit_bytes, *row))
        _check_alike(task, row, sample)
        sample.add(row)
    if sample is None:
        raise BadInput(f"task {task.name}: there is no batch to retrain on; at least one is needed")
    return examples.of_same_kind(sample.rows())


def split(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """Those to learn from, and those held out; too few are used for both."""
    held = min(len(examples) // HELD_OUT_PART, MOST_HELD_OUT)
    if held == 0:
        return examples, examples
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(seed))
    return examples.at(order[held:]), examples.at(order[:held])


def _laid_out(inputs: torch.Tensor) -> torch.Tensor:
    """Images with their channels last in memory, as convolutions here are quickest."""
    is_images = inputs.dim() == _IMAGE_DIMENSIONS
    return inputs.contiguous(memory_format=torch.channels_last) if is_images else inputs


@torch.no_grad()
def _answered(task: Task, with_labels: bool, original: Watched | None) -> Iterator[Examples]:
    for inputs, labels in _shown(task):
        parts = inputs.split(PART_IMAGES)
        examples = Examples(inputs, torch.cat([task.network(part) for part in parts]))
        if labels is not None and with_labels:
            examples = replace(examples, labels=_chances(task, labels, examples.targets))
        if original is not None:
            features = torch.cat([original(part)[1] for part in parts])
            examples = replace(examples, features=features)
        yield examples


def _shown(task: Task) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
    if task.training is None:
        yield from ((inputs, None) for inputs in task.calibration())
    else:
        yield from task.training()


def _labelled(task: Task) -> Iterator[Examples]:
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
        _check_labels(task, labels, classes)
        yield Examples(inputs, labels.long())


def _chances(task: Task, labels: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """(n,) beside answers (n, classes) → (n, classes)."""
    _check_scores(task, answers)
    _check_labels(task, labels, answers.shape[1])
    return one_hot(labels.long(), answers.shape[1]).to(answers.dtype)


def _check_scores(task: Task, answers: torch.Tensor) -> None:
    if answers.dim() != _SCORE_DIMENSIONS:
        raise BadInput(
            f"task {task.name}: labels go with class scores (n, classes), its outputs have shape "
            f"{tuple(answers.shape)}; let training yield inputs alone, or set "
            "retrain.label_weight = 0"
        )


def _check_labels(task: Task, labels: torch.Tensor, classes: int) -> None:
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise BadInput(
            f"task {task.name}: training has labels from {int(labels.min())} to "
            f"{int(labels.max())}; its network has {classes} classes, counted from 0"
        )


def _check_alike(task: Task, row: Row, sample: Reservoir) -> None:
    if sample.width not in {0, len(row)}:
        raise BadInput(
            f"task {task.name}: training yields labels with some inputs and not with others; let "
            "it yield (inputs, labels) always, or never"
        )


@torch.no_grad()
def _classes(task: Task, inputs: torch.Tensor) -> int:
    return int(task.network(inputs[:1]).shape[1])


def _capacity(limit_bytes: int, *tensors: torch.Tensor) -> int:
    row_bytes = sum(each[0].numel() * each.element_size() for each in tensors)
    return max(1, limit_bytes // row_bytes)
