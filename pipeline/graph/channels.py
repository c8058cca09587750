"""Coupling groups: which channels of a graph are the same channels, and may change order.

A **space** is a set of channels that keep one order wherever they go: through ReLU, pooling, a
residual sum, a depthwise convolution. The outputs of a layer open a space, what is added to them
joins it. Where its channels only change places in **units**, runs that keep their order, the space
has a unit: the width of an attention's heads, of the groups of a convolution. A space is **frozen**
when its order cannot change, since something reads it that is not understood, or since it leaves
the network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from taskzip.pipeline.graph.graph import Graph, Shape
from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.graph.layout import Layout
from taskzip.pipeline.graph.layout_rules import LAYOUT_RULES
from taskzip.pipeline.graph.node import LAYER, Node
from taskzip.pipeline.graph.rules import RULES, UNKNOWN, InParts, Rule, Where
from taskzip.pipeline.graph.view import NotUnderstood, Segment, View

OUTPUT = "it is the network's output"
"""Why the spaces of heads are frozen."""
_SIZES = ("sym_size", "size")
"""Operators that ask for a size only."""


@dataclass
class Channels:
    """What is known of a graph's channels; spaces are called by the number of their root."""

    graph: Graph
    views: dict[str, Where | None]
    frozen: dict[int, str]
    """Root → why."""
    uneven: set[int]
    """Roots whose channels may not be rescaled: what reads them is not linear in a scale > 0."""
    raw: set[str]
    """Values made of the network's input without any layer: their channels are everybody's."""
    spread: dict[str, str]
    """Values that are a constant, repeated for every image → the constant."""
    units: dict[int, int]
    """Root → how many channels stay together; 1 where it is not listed."""
    constant_axes: dict[str, tuple[int, View]]
    """Constants that hold a number per channel: the axis, and the view of that axis alone."""
    _parents: list[int] = field(default_factory=list)

    def root(self, space: int) -> int:
        """The space that stands for all that were joined with it."""
        while self._parents[space] != space:
            self._parents[space] = self._parents[self._parents[space]]
            space = self._parents[space]
        return space

    def segments(self, value: str) -> tuple[Segment, ...] | None:
        """The spaces along a value's channel axis; None where they are not known."""
        view = self.views[value]
        if not isinstance(view, View):
            return None
        return tuple(
            Segment(self.root(each.space), each.channels, each.columns) for each in view.segments
        )

    def space_of(self, layer: str) -> int:
        """The space that the outputs of a layer's node belong to."""
        view = self.views[layer]
        if not isinstance(view, View):
            raise TypeError(f"layer node {layer} has no channels")
        return self.root(view.segments[0].space)

    def unit_of(self, layer: str) -> int:
        """How many channels of a layer stay together in their order."""
        return self.units.get(self.space_of(layer), 1)

    def writers(self, root: int) -> tuple[str, ...]:
        """The layers whose outputs belong to a space, in the order in which they run."""
        return tuple(name for name in self.graph.layers if self.space_of(name) == root)


def find_channels(graph: Graph) -> Channels:
    """Follow the channels through the graph; its layers know then in how many parts they write."""
    while True:
        walk = _Walk(graph)
        try:
            walk.go()
        except _WritesParts as found:
            graph = replace(graph, layers={**graph.layers, **found.layers})
        else:
            return walk.found


class _WritesParts(Exception):
    """Layers turn out to write their channels in several parts; the walk begins again."""

    def __init__(self, layers: dict[str, Layer]) -> None:
        super().__init__(", ".join(layers))
        self.layers = layers


class _Walk:
    def __init__(self, graph: Graph) -> None:
        self.found = Channels(graph, {}, {}, set(), set(), {}, {}, {})
        self._graph = graph
        self._opened: dict[str, int] = {}
        """Layer → the space that it opened."""
        self._columns: dict[str, int] = {}
        """Grouped layer → its outputs for each channel."""

    def go(self) -> None:
        self.found.views[self._graph.input] = None
        self.found.raw.add(self._graph.input)
        for node in self._graph.nodes:
            self.found.views[node.name] = self._follow(node)
            if node.op != LAYER and set(node.inputs) <= self.found.raw:
                self.found.raw.add(node.name)
        for name in self._graph.outputs:
            self._freeze([self.found.views[name]], OUTPUT)
        self._merge_marks()
        spread = {
            name: replace(self._graph.layers[name], columns=columns)
            for name, columns in self._columns.items()
        }
        self.found.graph = replace(self._graph, layers={**self._graph.layers, **spread})

    def _open(self, node: str, axis: int, layer: Layer) -> View:
        space = len(self.found._parents)
        self.found._parents.append(space)
        self._opened[node] = space
        return View(axis, (Segment(space, layer.channels, 1),) * layer.parts)

    def _follow(self, node: Node) -> Where | None:
        if node.op == LAYER:
            return self._layer(node)
        views = [self.found.views[name] for name in node.inputs]
        if node.base in _SIZES or all(view is None for view in views):
            self._note_spread(node)
            return None
        rule = _rule(node, views)
        try:
            result = rule.apply(_Call(node, self._graph, self.found))
        except NotUnderstood as why:
            if isinstance(why, InParts):
                self._begin_in_parts(why)
            self._freeze(views, f"{node.op} {why}")
            return None
        if set(result.constants) & set(self.found.constant_axes):
            self._freeze(views, f"{node.op} shares a constant with another operation")
            return None
        for one, other in result.joined:
            self._join(one, other)
        if not rule.homogeneous:
            self._mark_uneven([*views, result.view])
        self.found.constant_axes.update(result.constants)
        self._note_units(result.view)
        return result.view

    def _begin_in_parts(self, found: InParts) -> None:
        """Go back to the layers that write the space, if they can write it in parts."""
        root = self.found.root(found.space)
        names = [name for name, space in self._opened.items() if self.found.root(space) == root]
        layers = {name: self._graph.layers[name] for name in names}
        if all(each.parts == 1 and each.outputs % found.parts == 0 for each in layers.values()):
            raise _WritesParts(
                {name: replace(each, parts=found.parts) for name, each in layers.items()}
            )

    def _note_units(self, where: Where) -> None:
        for each in _each(where):
            if isinstance(each, Layout):
                width = each.channels // each.units
                self.found.units[each.space] = math.lcm(self._unit(each.space), width)

    def _unit(self, space: int) -> int:
        return self.found.units.get(space, 1)

    def _note_spread(self, node: Node) -> None:
        """Remember a constant that is repeated for every image: a class token."""
        if node.base == "expand" and len(node.constants) == 1:
            self.found.spread[node.name] = node.constants[0]

    def _layer(self, node: Node) -> View | None:
        layer = self._graph.layers[node.name]
        source = node.inputs[0]
        view = self.found.views[source]
        shape = self._graph.shapes[node.name]
        axis = layer.axis % len(shape)
        if view is not None and not (isinstance(view, View) and view.axis == axis):
            self._freeze([view], f"{layer.name} reads another axis of it")
            self.found.views[source] = view = None
        if layer.is_grouped:
            return self._grouped(node.name, layer, view)
        return self._open(node.name, axis, layer)

    def _grouped(self, node: str, layer: Layer, view: View | None) -> View:
        """The channels pass in units, each output with the inputs of its group, where it can be."""
        if view is None or len(view.segments) != 1 or layer.outputs % layer.inputs:
            opened = self._open(node, layer.axis, layer)
            self._freeze([view, opened], f"{layer.name} reads it in {layer.groups} groups")
            return opened
        (segment,) = view.segments
        width = layer.weight.shape[1]
        unit = width // math.gcd(width, segment.columns)
        self.found.units[segment.space] = math.lcm(self._unit(segment.space), unit)
        columns = segment.columns * (layer.outputs // layer.inputs)
        self._columns[node] = columns
        return View(view.axis, (Segment(segment.space, segment.channels, columns),))

    def _join(self, one: View | Layout, other: View | Layout) -> None:
        for left, right in zip(_spaces(one), _spaces(other), strict=True):
            a, b = self.found.root(left), self.found.root(right)
            if a != b:
                self.found._parents[max(a, b)] = min(a, b)

    def _freeze(self, views: Sequence[Where | None], why: str) -> None:
        for view in views:
            for space in _spaces(view):
                self.found.frozen.setdefault(space, why)

    def _mark_uneven(self, views: Sequence[Where | None]) -> None:
        for view in views:
            self.found.uneven.update(_spaces(view))

    def _merge_marks(self) -> None:
        """What was said of a space holds for all that were joined with it."""
        root = self.found.root
        frozen: dict[int, str] = {}
        for space, why in self.found.frozen.items():
            frozen.setdefault(root(space), why)
        self.found.frozen = frozen
        self.found.uneven = {root(space) for space in self.found.uneven}
        units: dict[int, int] = {}
        for space, unit in self.found.units.items():
            units[root(space)] = math.lcm(units.get(root(space), 1), unit)
        self.found.units = units


def _rule(node: Node, views: Sequence[Where | None]) -> Rule:
    apart = any(isinstance(each, Layout) for each in views)
    return (LAYOUT_RULES if apart else RULES).get(node.base, UNKNOWN)


def _each(where: Where | None) -> tuple[View | Layout, ...]:
    if where is None:
        return ()
    return where if isinstance(where, tuple) else (where,)


def _spaces(where: Where | None) -> list[int]:
    """The spaces along a value's axes, one after another."""
    found = []
    for each in _each(where):
        found += [each.space] if isinstance(each, Layout) else [s.space for s in each.segments]
    return found


@dataclass(frozen=True)
class _Call:
    """A node as rules see it."""

    node: Node
    graph: Graph
    channels: Channels

    @property
    def view(self) -> View:
        """Of the first input; NotUnderstood if it has none."""
        return self.view_of(self.node.inputs[0])

    def view_of(self, name: str) -> View:
        """Of an input by name."""
        found = self.channels.views[name]
        if not isinstance(found, View):
            raise NotUnderstood("mixes it with what is not understood")
        return found

    @property
    def layout(self) -> Layout:
        """Of the first input, whose channels are taken apart."""
        return self.layout_of(self.node.inputs[0])

    def layout_of(self, name: str) -> Layout:
        """Of an input by name."""
        found = self.channels.views[name]
        if not isinstance(found, Layout):
            raise NotUnderstood("mixes it with what is not taken apart alike")
        return found

    def is_plain(self, name: str) -> bool:
        """Whether nothing is known of an input's channels."""
        return self.channels.views[name] is None

    def several(self, name: str) -> Where:
        """What is known of an input, whatever it is."""
        found = self.channels.views[name]
        if found is None:
            raise NotUnderstood("reads it")
        return found

    def spread(self, name: str) -> str | None:
        """The constant that a value repeats for every image."""
        return self.channels.spread.get(name)

    def shape_of(self, name: str) -> Shape:
        """Of a value, for the traced batch; NotUnderstood if it is no tensor."""
        if name not in self.graph.shapes:
            raise NotUnderstood("does not make one tensor of it")
        return self.graph.shapes[name]

    def constant_shape(self, name: str) -> Shape:
        """Of a constant."""
        return tuple(self.graph.constants[name].shape)

    def arg(self, position: int, option: str, default: JsonValue = None) -> JsonValue:
        """An argument that may come by position or by name."""
        return self.node.arg(position, self.node.options.get(option, default))
