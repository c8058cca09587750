"""A whole traced network, and how it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from pydantic import JsonValue

from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.graph.node import LAYER, Node, fill, run_node

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Nodes in the order in which they run; one input, one output or several."""

    input: str
    nodes: tuple[Node, ...]
    output: JsonValue
    """A ref, or a list of refs."""
    layers: dict[str, Layer]
    """By the name of the node that calls them: each is called once."""
    constants: dict[str, torch.Tensor]
    shapes: dict[str, Shape]
    """Of every value that is a tensor, for the batch that the network was traced with."""
    notes: tuple[str, ...] = field(default=())
    """What could not become a layer, and why."""

    @cached_property
    def users(self) -> dict[str, tuple[Node, ...]]:
        """The nodes that take each value."""
        found: dict[str, list[Node]] = {
            name: [] for name in (self.input, *(n.name for n in self.nodes))
        }
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The nodes whose values leave the network."""
        return Node(name="", op="", args=(self.output,)).inputs

    def run(self, x: torch.Tensor) -> Any:
        """What the network answers."""
        values: dict[str, Any] = {self.input: x}
        for node in self.nodes:
            values[node.name] = self.run_node(node, values)
        return fill(self.output, values, self.constants)

    def run_node(self, node: Node, values: Mapping[str, Any]) -> Any:
        """What one node computes from the values before it."""
        if node.op == LAYER:
            return self.modules[node.name](values[node.inputs[0]])
        return run_node(node, values, self.constants)

    @cached_property
    def modules(self) -> dict[str, torch.nn.Module]:
        """The layers as modules that hold the graph's own tensors."""
        return {name: _holding(layer) for name, layer in self.layers.items()}


def _holding(layer: Layer) -> torch.nn.Module:
    module = layer.empty_module().eval().requires_grad_(False)
    module.get_parameter("weight").data = layer.weight
    if layer.bias is not None:
        module.get_parameter("bias").data = layer.bias
    return module
