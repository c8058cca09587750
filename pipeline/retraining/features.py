"""What networks know before their last layer, compared without regard to the order of channels.

Letters: n inputs, F and G features of two networks.
"""

from typing import Any

import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.graph.graph import Graph
from taskzip.pipeline.graph.node import LAYER
from taskzip.pipeline.graph.trace import trace
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.joint import TaskNetwork


def feature_weight_of(task: Task, config: RetrainConfig) -> float:
    """What the task asks for, else the config."""
    return config.feature_weight if task.feature_weight is None else task.feature_weight


class Watched(nn.Module):
    """(n, …) → what a network answers, and its features: what one of its layers reads, (n, F)."""

    def __init__(self, network: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._layer = [layer]  # no submodule: it is one of the network's

    def forward(self, x: torch.Tensor) -> tuple[Any, torch.Tensor]:
        """Run the network."""
        read: list[torch.Tensor] = []
        (layer,) = self._layer
        handle = layer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
        try:
            answers = self.network(x)
        finally:
            handle.remove()
        return answers, read[0].flatten(1)


def watched(network: nn.Module, of: TaskNetwork) -> Watched:
    """A task's network in the joint one, or the `network` that is a part of it."""
    last = [each.name for each in of.spec.nodes if each.op == LAYER][-1]
    return Watched(network, of.layer(last))


def watched_original(task: Task) -> Watched:
    """The task's own network; BadInput where it has no layer."""
    graph = trace(task.name, task.network, next(iter(task.calibration())))
    layers = [each.name for each in graph.nodes if each.op == LAYER]
    if not layers:
        raise BadInput(
            f"task {task.name}: its network has no linear layer and no convolution that could read "
            "features; leave out retrain.feature_weight"
        )
    return Watched(_Traced(graph), graph.modules[layers[-1]])


def unlikeness(features: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """1 − CKA of features (n, F) and (n, G): 0 where inputs are alike in one as in the other.

    Linear centred kernel alignment (Kornblith, Norouzi, Lee, Hinton, ICML 2019, equation 4):
    ⟨K, L⟩ / (‖K‖ ‖L‖) of the centred Gram matrices, n × n. A rotation or a permutation of features
    changes nothing, nor does their scale. Features that do not vary count as unlike.
    """
    ours, theirs = _gram(features), _gram(wanted)
    lengths = ours.norm() * theirs.norm()
    return 1 - (ours * theirs).sum() / lengths.clamp_min(torch.finfo(lengths.dtype).eps)


def _gram(features: torch.Tensor) -> torch.Tensor:
    """(n, F) → (n, n), of features whose mean is 0 and whose mean square is 1."""
    centred = features - features.mean(0)
    size = centred.detach().square().mean().sqrt()  # no gradient: a scale changes nothing
    scaled = centred / size.clamp_min(torch.finfo(size.dtype).tiny)
    return scaled @ scaled.T


class _Traced(nn.Module):
    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph

    def forward(self, x: torch.Tensor) -> Any:
        return self._graph.run(x)
