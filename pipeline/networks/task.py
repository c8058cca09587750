"""A task in memory: a trained network and where its data comes from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

Batches = Callable[[], Iterable[torch.Tensor]]
LabelledBatches = Callable[[], Iterable[tuple[torch.Tensor, torch.Tensor]]]


@dataclass(frozen=True)
class Task:
    """A trained network in eval mode; its data functions start anew at each call."""

    name: str
    network: nn.Module
    calibration: Batches
    evaluation: LabelledBatches | None = None
    training: LabelledBatches | None = None
