"""A task in memory: a trained network and where its data comes from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from taskzip.contracts.names import LossName
from taskzip.pipeline.networks.metric import Metric, wrong_class_percent

Batches = Callable[[], Iterable[torch.Tensor]]
ExampleBatches = Callable[[], Iterable[tuple[torch.Tensor, torch.Tensor | None]]]
"""Inputs and labels; None where the network's own answers stand for them, batch by batch."""


@dataclass(frozen=True)
class Task:
    """A trained network in eval mode; its data functions start anew at each call."""

    name: str
    network: nn.Module
    calibration: Batches
    evaluation: ExampleBatches | None = None
    training: ExampleBatches | None = None
    weight: float = 1.0
    """α: how much its errors count beside other tasks'; positive."""
    metric: Metric = wrong_class_percent
    loss: LossName | None = None
    """For retraining on outputs; None: as its config says."""
    loss_weight: float | None = None
    """What its loss is multiplied by in retraining, instead of `weight`; positive."""
    feature_weight: float | None = None
    """How much features count in retraining; None: as its config says."""


def relative_weights(tasks: Sequence[Task]) -> dict[str, float]:
    """α_t · T / Σ α for each of T tasks: 1 in the mean, and exactly 1 where all are equal."""
    return _relative({task.name: task.weight for task in tasks})


def relative_loss_weights(tasks: Sequence[Task]) -> dict[str, float]:
    """As `relative_weights`, of what the losses of retraining are multiplied by."""
    return _relative(
        {task.name: task.weight if task.loss_weight is None else task.loss_weight for task in tasks}
    )


def _relative(weights: Mapping[str, float]) -> dict[str, float]:
    if len(set(weights.values())) == 1:
        return dict.fromkeys(weights, 1.0)
    total = sum(weights.values())
    return {name: weight * len(weights) / total for name, weight in weights.items()}
