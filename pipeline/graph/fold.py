"""Which nodes are weighted layers; batch norm becomes part of the layer before it, or after it.

Letters: N outputs, C inputs of a layer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from pydantic import JsonValue

from taskzip.pipeline.graph.graph import Graph
from taskzip.pipeline.graph.layer import DIMENSIONS, Geometry, Layer, Sizes
from taskzip.pipeline.graph.node import GETITEM, LAYER, Node, constant, ref

_BATCH_NORMS = {"batch_norm": 7, "_native_batch_norm_legit_no_training": 6}
"""In eval mode; the position of their eps."""
_MATRIX = 2


def fold(graph: Graph) -> Graph:
    """The same function with layers told apart and batch norms folded or made multiply and add."""
    return _without_unused(_without_norms(_with_layers(graph)))


@dataclass
class _Found:
    layer: Layer | None
    why_not: str = ""


def _with_layers(graph: Graph) -> Graph:
    uses: dict[str, int] = {}
    for node in graph.nodes:
        for name in node.constants:
            uses[name] = uses.get(name, 0) + 1
    nodes: list[Node] = []
    layers: dict[str, Layer] = {}
    notes: list[str] = []
    for node in graph.nodes:
        found = _layer_of(node, graph, uses)
        if found.layer is None:
            nodes.append(node)
            notes += [found.why_not] if found.why_not else []
        else:
            layers[node.name] = found.layer
            nodes.append(Node(name=node.name, op=LAYER, args=(ref(node.inputs[0]),)))
    return replace(graph, nodes=tuple(nodes), layers=layers, notes=tuple(notes))


def _layer_of(node: Node, graph: Graph, uses: dict[str, int]) -> _Found:
    reader = _READERS.get(node.base)
    if reader is None or not node.constants or len(node.inputs) != 1 or not _starts(node):
        return _Found(None)
    weight = node.constants[0]
    name = weight.removesuffix(".weight").removesuffix("_weight")
    if graph.constants[weight].dtype != torch.float32:
        return _Found(None, f"{name}: weights of {graph.constants[weight].dtype}")
    if uses[weight] > 1:
        return _Found(None, f"{name}: its weights are used {uses[weight]} times")
    return reader(node, name, graph)


def _starts(node: Node) -> bool:
    """Whether the first argument is a value and the second a constant."""
    first, second = node.arg(0), node.arg(1)
    return (
        isinstance(first, dict)
        and "ref" in first
        and isinstance(second, dict)
        and ("constant" in second)
    )


def _linear(node: Node, name: str, graph: Graph) -> _Found:
    weight = graph.constants[node.constants[0]]
    bias = graph.constants[node.constants[1]] if len(node.constants) > 1 else None
    return _Found(Layer(name, weight, bias))


def _matmul(node: Node, name: str, graph: Graph) -> _Found:
    weight = graph.constants[node.constants[0]]
    if weight.dim() != _MATRIX or len(graph.shapes[node.inputs[0]]) < _MATRIX:
        return _Found(None)
    return _Found(Layer(name, weight.T.contiguous(), None))


def _convolution(node: Node, name: str, graph: Graph) -> _Found:
    weight = graph.constants[node.constants[0]]
    dimensions = weight.dim() - 2
    if dimensions not in DIMENSIONS:
        return _Found(None, f"{name}: a convolution of {dimensions} dimensions")
    bias = graph.constants[node.constants[1]] if len(node.constants) > 1 else None
    kernel = tuple(weight.shape[2:])
    dilation = _sizes(node.arg(5, 1), dimensions)
    padding = _padding(node.arg(4, 0), kernel, dilation)
    if padding is None:
        return _Found(None, f"{name}: padding that differs between its sides")
    geometry = Geometry(
        kernel=kernel,
        stride=_sizes(node.arg(3, 1), dimensions),
        padding=padding,
        dilation=dilation,
    )
    return _Found(Layer(name, weight, bias, geometry, int(str(node.arg(6, 1)))))


_READERS: dict[str, Callable[[Node, str, Graph], _Found]] = {
    "linear": _linear,
    "matmul": _matmul,
    "mm": _matmul,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "conv3d": _convolution,
}


LAYER_OPERATORS = tuple(_READERS)
"""Operators that can be layers; where one is not, the graph's notes say why."""


def _sizes(value: JsonValue, dimensions: int) -> Sizes:
    given = value if isinstance(value, list) else [value]
    spread = given * dimensions if len(given) == 1 else given
    return tuple(int(str(each)) for each in spread)


def _padding(value: JsonValue, kernel: Sizes, dilation: Sizes) -> Sizes | None:
    if value == "valid":
        return (0,) * len(kernel)
    if value != "same":
        return _sizes(value, len(kernel))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return None if any(each % 2 for each in reach) else tuple(each // 2 for each in reach)


def _without_norms(graph: Graph) -> Graph:
    """Batch norms, and biases added after a layer, folded into it; others as multiply and add."""
    state = _Folding(graph)
    for node in graph.nodes:
        state.take(node)
    return replace(
        graph,
        nodes=tuple(state.nodes),
        layers=state.layers,
        constants=state.constants,
        shapes=state.shapes,
        output=state.renamed(graph.output),
    )


class _Folding:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.nodes: list[Node] = []
        self.layers = dict(graph.layers)
        self.constants = dict(graph.constants)
        self.shapes = dict(graph.shapes)
        self._instead: dict[str, str] = {}

    def take(self, node: Node) -> None:
        """Keep the node, or fold it into what comes before."""
        if node.base in _BATCH_NORMS:
            self._take_norm(node)
        elif node.op == GETITEM and node.inputs[0] in self._instead:
            self._instead[node.name] = self._instead[node.inputs[0]]
        elif not self._is_bias(node):
            self.nodes.append(self._renamed_node(node))

    def renamed(self, value: JsonValue) -> JsonValue:
        """An argument that names what stands now for folded nodes."""
        if isinstance(value, list):
            return [self.renamed(each) for each in value]
        if isinstance(value, dict) and "ref" in value:
            name = str(value["ref"])
            return ref(self._instead.get(name, name))
        return value

    def _renamed_node(self, node: Node) -> Node:
        args = tuple(self.renamed(each) for each in node.args)
        options = {key: self.renamed(each) for key, each in node.options.items()}
        return Node(name=node.name, op=node.op, args=args, options=options)

    def _take_norm(self, node: Node) -> None:
        scale, shift = self._affine(node)
        source = self._source(node)
        reader = self._reader(node)
        if source in self.layers and self._is_alone(node):
            self._scale(source, scale, shift)
            self._instead[node.name] = source
        elif reader is not None:
            self._scale_inputs(reader, scale, shift)
            self._instead[node.name] = source
        else:
            self._instead[node.name] = self._add_affine(node.name, source, scale, shift)

    def _reader(self, node: Node) -> str | None:
        """The only layer that reads the norm's result, if it takes each of its values alike."""
        users = self._graph.users[node.name]
        if len(users) != 1 or users[0].op != LAYER or node.name in self._graph.outputs:
            return None
        layer = self.layers[users[0].name]
        if layer.geometry is None:
            fits = len(self.shapes[node.name]) == _MATRIX
        else:
            fits = not any(layer.geometry.padding)  # which puts zeros, not the shift
        return users[0].name if fits and not layer.is_grouped else None

    def _scale_inputs(self, reader: str, scale: torch.Tensor, shift: torch.Tensor) -> None:
        layer = self.layers[reader]
        weight = layer.weight.double()
        form = (1, -1, *[1] * (weight.dim() - 2))
        bias = torch.zeros(layer.outputs) if layer.bias is None else layer.bias
        moved = (weight * shift.reshape(form)).flatten(1).sum(1)
        self.layers[reader] = replace(
            layer,
            weight=(weight * scale.reshape(form)).float(),
            bias=(bias.double() + moved).float(),
        )

    def _affine(self, node: Node) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift (C,) that the norm multiplies by and adds; computed in float64."""
        weight, bias, mean, variance = (self._tensor(node.arg(each)) for each in range(1, 5))
        if mean is None or variance is None:
            raise ValueError("a batch norm without training has statistics")
        eps = float(str(node.arg(_BATCH_NORMS[node.base])))
        scale = (variance.double() + eps).rsqrt()
        scale = scale if weight is None else scale * weight.double()
        shift = -mean.double() * scale
        return scale, shift if bias is None else shift + bias.double()

    def _tensor(self, value: JsonValue) -> torch.Tensor | None:
        return self.constants[str(value["constant"])] if isinstance(value, dict) else None

    def _source(self, node: Node) -> str:
        return self._instead.get(node.inputs[0], node.inputs[0])

    def _is_alone(self, node: Node) -> bool:
        """Whether nobody else takes what the node takes."""
        name = node.inputs[0]
        return len(self._graph.users[name]) == 1 and name not in self._graph.outputs

    def _scale(self, source: str, scale: torch.Tensor, shift: torch.Tensor) -> None:
        layer = self.layers[source]
        factors = scale.reshape(-1, *[1] * (layer.weight.dim() - 1))
        bias = 0 if layer.bias is None else layer.bias.double()
        self.layers[source] = replace(
            layer,
            weight=(layer.weight.double() * factors).float(),
            bias=(bias * scale + shift).float(),
            normalized=True,
        )

    def _add_affine(self, name: str, source: str, scale: torch.Tensor, shift: torch.Tensor) -> str:
        shape = self.shapes[source]
        form = (-1, *[1] * (len(shape) - 2))
        for op, values in (("mul", scale), ("add", shift)):
            made = f"{name}_{op}"
            self.constants[made] = values.float().reshape(form)
            args = (ref(source), constant(made))
            self.nodes.append(Node(name=made, op=f"aten.{op}.Tensor", args=args))
            self.shapes[made] = shape
            source = made
        return source

    def _is_bias(self, node: Node) -> bool:
        """Fold `layer(x) + b` where the layer has no bias yet; says whether it did."""
        if node.op != "aten.add.Tensor" or len(node.inputs) != 1 or len(node.constants) != 1:
            return False
        source = self._source(node)
        layer, bias = self.layers.get(source), self.constants[node.constants[0]]
        if layer is None or layer.bias is not None or not self._is_alone(node) or node.options:
            return False
        axis = len(self.shapes[source]) + layer.axis if layer.axis < 0 else layer.axis
        wanted = [1] * (len(self.shapes[source]) - axis)
        wanted[0] = layer.outputs
        if [1] * (len(wanted) - bias.dim()) + list(bias.shape[-len(wanted) :]) != wanted:
            return False
        if bias.numel() != layer.outputs:
            return False
        self.layers[source] = replace(layer, bias=bias.flatten().clone())
        self._instead[node.name] = source
        return True


def _without_unused(graph: Graph) -> Graph:
    """Nodes whose values nobody takes, and constants that no node takes, are left out."""
    needed, kept = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.name in needed:
            kept.append(node)
            needed.update(node.inputs)
    nodes = tuple(reversed(kept))
    used = {name for node in nodes for name in node.constants}
    return replace(
        graph,
        nodes=nodes,
        layers={node.name: graph.layers[node.name] for node in nodes if node.op == LAYER},
        constants={name: graph.constants[name] for name in graph.constants if name in used},
    )
