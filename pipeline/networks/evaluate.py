"""How wrong a network is. Letters: n inputs."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.metric import Metric, wrong_class_percent

Pairs = Iterable[tuple[torch.Tensor, torch.Tensor]]


def error_percent(module: nn.Module, pairs: Pairs, metric: Metric = wrong_class_percent) -> float:
    """The mean error in percent over pairs of inputs (n, …) and what the metric compares with."""
    total, count = 0.0, 0
    with torch.no_grad():
        for inputs, wanted in pairs:
            total += float(metric(module(inputs), wanted).double().sum())
            count += len(inputs)
    if count == 0:
        raise BadInput("evaluation yields no batch; at least one is needed")
    return total / count


@torch.no_grad()
def with_own_answers(
    network: nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor | None]]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The pairs, with the network's answers where there are no labels."""
    for inputs, labels in batches:
        yield inputs, network(inputs) if labels is None else labels
