"""Where one layer's outputs go to one other layer and nowhere else, through plain operators."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from taskzip.pipeline.graph.channels import Channels
from taskzip.pipeline.graph.graph import Graph
from taskzip.pipeline.graph.node import LAYER, Node, run_node


@dataclass(frozen=True)
class Handover:
    """The operators between a layer and the only one that reads it."""

    nodes: tuple[Node, ...]
    reader: str
    columns: int
    """Features of the reader for each channel of the layer, before its kernel."""

    def reader_columns(self, graph: Graph) -> torch.Tensor:
        """(outputs of the reader, N channels, rest) what reads each channel."""
        weight = graph.layers[self.reader].weight
        channels = weight.shape[1] // self.columns
        return weight.reshape(len(weight), channels, -1)


def handover(channels: Channels, node: str) -> Handover | None:
    """How a layer hands over, None if its outputs are used in more ways.

    Between the two there are operators with one input that commute with positive scales.
    """
    graph = channels.graph
    space = channels.space_of(node)
    if space in channels.uneven or channels.writers(space) != (node,):
        return None
    if graph.layers[node].per_channel > 1:
        return None
    between: list[Node] = []
    value = node
    while True:
        users = [each for each in graph.users[value] if each.name in graph.shapes]
        if len(users) != 1 or value in graph.outputs or not _takes_only(users[0], value, graph):
            return None
        if users[0].op == LAYER:
            return _ending(channels, value, between, users[0].name)
        between.append(users[0])
        value = users[0].name


def _takes_only(user: Node, value: str, graph: Graph) -> bool:
    """Whether it takes the value, the number of images, and nothing else."""
    sizes = _batch_sizes(graph)
    return not user.constants and all(each in (value, *sizes) for each in user.inputs)


def _batch_sizes(graph: Graph) -> tuple[str, ...]:
    return tuple(node.name for node in graph.nodes if node.counts_images)


class Passage(nn.Module):
    """Through a layer, the operators after it, and the layer that reads them."""

    def __init__(self, layer: nn.Module, nodes: tuple[Node, ...], reader: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.reader = reader
        self._nodes = nodes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, …) → the reader's outputs."""
        y = self.layer(x)
        for node in self._nodes:
            values: dict[str, Any] = dict.fromkeys(node.inputs, len(x))
            values[node.inputs[0]] = y
            y = run_node(node, values, {})
        answer: torch.Tensor = self.reader(y)
        return answer


def _ending(channels: Channels, value: str, between: list[Node], reader: str) -> Handover | None:
    segments = channels.segments(value)
    if segments is None or len(segments) != 1 or channels.graph.layers[reader].is_grouped:
        return None
    return Handover(tuple(between), reader, segments[0].columns)
