"""How often a network is wrong."""

from collections.abc import Iterable

import torch
from torch import nn

from taskzip.contracts.errors import BadInput


def error_percent(module: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Wrong answers in percent: inputs (n, …) → scores (n, classes), compared with labels (n,)."""
    wrong = total = 0
    with torch.no_grad():
        for inputs, labels in batches:
            wrong += int((module(inputs).argmax(1) != labels).sum())
            total += len(labels)
    if total == 0:
        raise BadInput("evaluation yields no batch; at least one is needed")
    return 100 * wrong / total
