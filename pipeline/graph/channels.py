"""Coupling groups: which channels of a graph are the same channels, and may change order.

A **space** is a set of channels that keep one order wherever they go: through ReLU, pooling, a
residual sum, a depthwise convolution. The outputs of a layer open a space, what is added to them
joins it. A space is **frozen** when its order cannot change, since something reads it that is not
understood, or since it leaves the network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from taskzip.pipeline.graph.graph import Graph, Shape
from taskzip.pipeline.graph.node import LAYER, Node
from taskzip.pipeline.graph.rules import RULES, UNKNOWN, NotUnderstood, Segment, View

OUTPUT = "it is the network's output"
"""Why the spaces of heads are frozen."""
_SIZES = ("sym_size", "size")
"""Operators that ask for a size only."""


@dataclass
class Channels:
    """What is known of a graph's channels; spaces are called by the number of their root."""

    graph: Graph
    views: dict[str, View | None]
    frozen: dict[int, str]
    """Root → why."""
    uneven: set[int]
    """Roots whose channels may not be rescaled: what reads them is not linear in a scale > 0."""
    raw: set[str]
    """Values made of the network's input without any layer: their channels are everybody's."""
    spread: dict[str, str]
    """Values that are a constant, repeated for every image → the constant."""
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
        if view is None:
            return None
        return tuple(
            Segment(self.root(each.space), each.channels, each.columns) for each in view.segments
        )

    def space_of(self, layer: str) -> int:
        """The space that the outputs of a layer's node belong to."""
        view = self.views[layer]
        if view is None:
            raise ValueError(f"layer node {layer} has no channels")
        return self.root(view.segments[0].space)

    def writers(self, root: int) -> tuple[str, ...]:
        """The layers whose outputs belong to a space, in the order in which they run."""
        return tuple(name for name in self.graph.layers if self.space_of(name) == root)


def find_channels(graph: Graph) -> Channels:
    """Follow the channels through the graph."""
    walk = _Walk(graph)
    walk.go()
    return walk.found


class _Walk:
    def __init__(self, graph: Graph) -> None:
        self.found = Channels(graph, {}, {}, set(), set(), {}, {})
        self._graph = graph

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

    def _open(self, axis: int, channels: int) -> View:
        space = len(self.found._parents)
        self.found._parents.append(space)
        return View(axis, (Segment(space, channels, 1),))

    def _follow(self, node: Node) -> View | None:
        if node.op == LAYER:
            return self._layer(node)
        views = [self.found.views[name] for name in node.inputs]
        if node.base in _SIZES or all(view is None for view in views):
            self._note_spread(node)
            return None
        rule = RULES.get(node.base, UNKNOWN)
        try:
            result = rule.apply(_Call(node, self._graph, self.found))
        except NotUnderstood as why:
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
        return result.view

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
        if view is not None and view.axis != axis:
            self._freeze([view], f"{layer.name} reads another axis of it")
            self.found.views[source] = view = None
        if layer.depthwise:
            if view is None:
                view = self._open(axis, layer.outputs)
                self._freeze([view], f"{layer.name} is a depthwise convolution of the input")
            return view
        return self._open(axis, layer.outputs)

    def _join(self, one: View, other: View) -> None:
        for left, right in zip(one.segments, other.segments, strict=True):
            a, b = self.found.root(left.space), self.found.root(right.space)
            if a != b:
                self.found._parents[max(a, b)] = min(a, b)

    def _freeze(self, views: Sequence[View | None], why: str) -> None:
        for view in views:
            for segment in view.segments if view else ():
                self.found.frozen.setdefault(segment.space, why)

    def _mark_uneven(self, views: Sequence[View | None]) -> None:
        for view in views:
            self.found.uneven.update(each.space for each in (view.segments if view else ()))

    def _merge_marks(self) -> None:
        """What was said of a space holds for all that were joined with it."""
        root = self.found.root
        frozen: dict[int, str] = {}
        for space, why in self.found.frozen.items():
            frozen.setdefault(root(space), why)
        self.found.frozen = frozen
        self.found.uneven = {root(space) for space in self.found.uneven}


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
        if found is None:
            raise NotUnderstood("mixes it with what is not understood")
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
