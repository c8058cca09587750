"""A task in memory: a trained network and where its data comes from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

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
    loss: Literal["divergence", "squared"] | None = None
    """For retraining on outputs; None: as its config says."""


def relative_weights(tasks: Sequence[Task]) -> dict[str, float]:
    """α_t · T / Σ α for each of T tasks: 1 in the mean, and exactly 1 where all are equal."""
    weights = [task.weight for task in tasks]
    if len(set(weights)) == 1:
        return {task.name: 1.0 for task in tasks}
    return {task.name: task.weight * len(tasks) / sum(weights) for task in tasks}
