"""How operators treat channels: which keep them, move them, join them or mix them up."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from taskzip.pipeline.graph.layout import Layout, taken_apart
from taskzip.pipeline.graph.node import GETITEM, Node
from taskzip.pipeline.graph.view import NotUnderstood, Segment, Shape, View

Where = View | Layout | tuple[View | Layout, ...]
"""Of one value, or of several at once."""


class InParts(NotUnderstood):
    """A part of a layer's channels is taken: the layer writes them so many parts."""

    def __init__(self, space: int, parts: int) -> None:
        super().__init__("takes a part of it")
        self.space = space
        self.parts = parts


class Call(Protocol):
    """A node and what is known of its inputs."""

    @property
    def node(self) -> Node:
        """The node."""

    @property
    def view(self) -> View:
        """Of the first input."""

    def view_of(self, name: str) -> View:
        """Of an input by name."""

    @property
    def layout(self) -> Layout:
        """Of the first input, whose channels are taken apart."""

    def layout_of(self, name: str) -> Layout:
        """Of an input by name."""

    def is_plain(self, name: str) -> bool:
        """Whether an input has no channels: constants, sizes, what is made of the input alone."""

    def several(self, name: str) -> Where:
        """What is known of an input, whatever it is."""

    def spread(self, name: str) -> str | None:
        """The constant that a value repeats for every image, if it is one."""

    def shape_of(self, name: str) -> Shape:
        """Of a value."""

    def constant_shape(self, name: str) -> Shape:
        """Of a constant."""

    def arg(self, position: int, option: str, default: JsonValue = None) -> JsonValue:
        """An argument that may come by position or by name."""


@dataclass(frozen=True)
class Result:
    """Where the channels are afterwards, and what an operator says of others."""

    view: Where
    joined: tuple[tuple[View | Layout, View | Layout], ...] = ()
    """Views whose spaces become one."""
    constants: dict[str, tuple[int, View]] = field(default_factory=dict)
    """Constants with a number per channel → their axis, the channels along it."""


@dataclass(frozen=True)
class Rule:
    """What an operator does; `homogeneous`: f(s·x) = s·f(x) for a scale s > 0 of each channel."""

    apply: Callable[[Call], Result]
    homogeneous: bool = False


def _same(call: Call) -> Result:
    return Result(call.view)


def keeps(rule: Rule) -> bool:
    """Whether every number stays in its place and is computed from its like alone."""
    return rule.apply is _same


def _spatial(call: Call) -> Result:
    """Pooling, resizing: acts on each channel alone as long as channels are axis 1."""
    view = call.view
    if view.axis != 1 or len(call.shape_of(call.node.name)) != len(
        call.shape_of(call.node.inputs[0])
    ):
        raise NotUnderstood("pools over it")
    return Result(view)


def _padding(call: Call) -> Result:
    """The pads come in pairs from the last axis on."""
    view = call.view
    pads = call.arg(1, "pad")
    rank = len(call.shape_of(call.node.inputs[0]))
    if not isinstance(pads, list) or rank - len(pads) // 2 <= view.axis:
        raise NotUnderstood("pads it")
    return Result(view)


def dimensions(call: Call, position: int, option: str, rank: int) -> list[int]:
    """Axes given as an argument, all without one."""
    given = call.arg(position, option)
    if given is None:
        return list(range(rank))
    return [int(str(each)) % rank for each in (given if isinstance(given, list) else [given])]


def _reduction(call: Call) -> Result:
    view = call.view
    rank = len(call.shape_of(call.node.inputs[0]))
    gone = dimensions(call, 1, "dim", rank)
    if view.axis in gone:
        raise NotUnderstood("sums over it")
    keeps = bool(call.arg(2, "keepdim", False))
    before = 0 if keeps else sum(each < view.axis for each in gone)
    return Result(View(view.axis - before, view.segments))


def _along(call: Call) -> Result:
    """Softmax and its like: fine along other axes."""
    rank = len(call.shape_of(call.node.inputs[0]))
    if call.view.axis in dimensions(call, 1, "dim", rank):
        raise NotUnderstood("runs along it")
    return Result(call.view)


def _select(call: Call) -> Result:
    """One place along another axis, which is gone then."""
    return Result(_without(call.view, _cut_axis(call)))


def _unbind(call: Call) -> Result:
    axis = _cut_axis(call)
    size = call.shape_of(call.node.inputs[0])[axis]
    return Result((_without(call.view, axis),) * size)


def _cut_axis(call: Call) -> int:
    return int(str(call.arg(1, "dim", 0))) % len(call.shape_of(call.node.inputs[0]))


def _without(view: View, axis: int) -> View:
    if axis == view.axis:
        raise NotUnderstood("takes a part of it")
    return View(view.axis - (axis < view.axis), view.segments)


@dataclass(frozen=True)
class Pieces:
    """What slices, chunks and splits take along an axis."""

    axis: int
    ranges: tuple[tuple[int, int], ...]
    is_one: bool
    """Whether the result is one value, not several."""


def pieces(call: Call) -> Pieces:
    """NotUnderstood for steps."""
    base, shape = call.node.base, call.shape_of(call.node.inputs[0])
    if base == "slice":
        axis = int(str(call.arg(1, "dim", 0))) % len(shape)
        if call.arg(4, "step", 1) != 1:
            raise NotUnderstood("takes a part of it")
        ends = (call.arg(2, "start", 0) or 0, call.arg(3, "end", shape[axis]))
        size = shape[axis]
        start, stop = (_bounded(size if each is None else int(str(each)), size) for each in ends)
        return Pieces(axis, ((start, stop),), is_one=True)
    axis = int(str(call.arg(2, "dim", 0))) % len(shape)
    wanted = call.arg(1, "chunks" if base == "chunk" else "split_size")
    sizes = _sizes_of(wanted, shape[axis], base == "chunk")
    stops = list(itertools.accumulate(sizes))
    ranges = zip([0, *stops[:-1]], stops, strict=True)
    return Pieces(axis, tuple(ranges), is_one=False)


def _bounded(place: int, size: int) -> int:
    return max(0, min(size, place + size if place < 0 else place))


def _sizes_of(wanted: JsonValue, size: int, is_number: bool) -> list[int]:
    if isinstance(wanted, list):
        return [int(str(each)) for each in wanted]
    width = int(str(wanted))
    width = -(-size // width) if is_number else width
    return [min(width, size - start) for start in range(0, size, width)]


def _cut(call: Call) -> Result:
    """Slices, chunks: fine along other axes; of the channels, whole segments."""
    view, found = call.view, pieces(call)
    if found.axis != view.axis:
        return Result(view if found.is_one else (view,) * len(found.ranges))
    cut = tuple(_segments_within(view, *each) for each in found.ranges)
    return Result(cut[0] if found.is_one else cut)


def _segments_within(view: View, start: int, stop: int) -> View:
    stops = list(itertools.accumulate(each.size for each in view.segments))
    starts = [0, *stops[:-1]]
    if start in starts and stop in stops:
        return View(view.axis, view.segments[starts.index(start) : stops.index(stop) + 1])
    segment, width = view.segments[0], max(1, stop - start)
    if len(view.segments) == 1 and not (segment.size % width or width % segment.columns):
        raise InParts(segment.space, segment.size // width)
    raise NotUnderstood("takes a part of it")


def _gate(call: Call) -> Result:
    """GLU: one half of the channels times the other's sigmoid."""
    view = call.view
    if int(str(call.arg(1, "dim", -1))) % len(call.shape_of(call.node.inputs[0])) != view.axis:
        return Result(view)
    halves = [
        _segments_within(view, start, start + view.size // 2) for start in (0, view.size // 2)
    ]
    if _sizes(halves[0]) != _sizes(halves[1]):
        raise NotUnderstood("takes a part of it")
    return Result(halves[0], ((halves[0], halves[1]),))


def _item(call: Call) -> Result:
    """One of several values."""
    several, place = call.several(call.node.inputs[0]), call.node.arg(1)
    if not isinstance(several, tuple):
        raise NotUnderstood("reads it")
    return Result(several[int(str(place))])


def _permute(call: Call) -> Result:
    order = call.arg(1, "dims")
    rank = len(call.shape_of(call.node.inputs[0]))
    moved = [int(str(each)) % rank for each in order] if isinstance(order, list) else []
    return Result(View(moved.index(call.view.axis), call.view.segments))


def _transpose(call: Call) -> Result:
    rank = len(call.shape_of(call.node.inputs[0]))
    one, other = (int(str(call.arg(each, f"dim{each - 1}"))) % rank for each in (1, 2))
    axis = call.view.axis
    return Result(View({one: other, other: one}.get(axis, axis), call.view.segments))


def _reshape(call: Call) -> Result:
    """The axis of channels stays whole, takes in the axes after it, or is taken apart."""
    view = call.view
    before, after = call.shape_of(call.node.inputs[0]), call.shape_of(call.node.name)
    left = math.prod(before[: view.axis])
    for axis, size in enumerate(after):
        if math.prod(after[:axis]) != left:
            continue
        if size == view.size:
            return Result(View(axis, view.segments))
        rest = math.prod(before[view.axis + 1 :])
        if size % view.size == 0 and rest % (size // view.size) == 0 and size > view.size:
            spread = size // view.size
            segments = tuple(
                Segment(each.space, each.channels, each.columns * spread) for each in view.segments
            )
            return Result(View(axis, segments))
    return Result(taken_apart(view, before).regrouped(after).taken_together())


def _elementwise(call: Call) -> Result:
    """Sums and products of values, of values and constants, of values and numbers."""
    names = [each for each in call.node.inputs if is_tensor(call, each)]
    rank = len(call.shape_of(call.node.name))
    views = [_aligned(call, each, rank) for each in names]
    first = views[0]
    if any(each.axis != first.axis or _sizes(each) != _sizes(first) for each in views[1:]):
        raise NotUnderstood("adds up other channels to it")
    constants = {}
    for name in call.node.constants:
        axis = first.axis - rank + len(call.constant_shape(name))
        if axis >= 0 and call.constant_shape(name)[axis] > 1:
            constants[name] = (axis, first)
    return Result(first, tuple((first, each) for each in views[1:]), constants)


def is_tensor(call: Call, name: str) -> bool:
    """Whether an input is a tensor, not a size."""
    try:
        call.shape_of(name)
    except NotUnderstood:
        return False
    return True


def _aligned(call: Call, name: str, rank: int) -> View:
    """A view whose axis counts as in the result, which may have more axes in front."""
    view = call.view_of(name)
    shape = call.shape_of(name)
    if shape[view.axis] != view.size:
        raise NotUnderstood("repeats it")
    return View(view.axis + rank - len(shape), view.segments)


def _sizes(view: View) -> list[tuple[int, int]]:
    return [(each.channels, each.columns) for each in view.segments]


def _concatenate(call: Call) -> Result:
    rank = len(call.shape_of(call.node.name))
    axis = int(str(call.arg(1, "dim", 0))) % rank
    repeated = [name for name in map(call.spread, call.node.inputs) if name is not None]
    if call.node.constants or repeated:
        return _beside_constants(call, axis, [*call.node.constants, *repeated])
    views = [call.view_of(each) for each in call.node.inputs]
    first = views[0]
    if any(each.axis != first.axis for each in views):
        raise NotUnderstood("puts other axes beside it")
    if axis == first.axis:
        return Result(View(axis, tuple(part for each in views for part in each.segments)))
    if any(_sizes(each) != _sizes(first) for each in views):
        raise NotUnderstood("puts other channels beside it")
    return Result(first, tuple((first, each) for each in views[1:]))


def _beside_constants(call: Call, axis: int, names: Sequence[str]) -> Result:
    """A constant (a class token) put beside values along another axis: its channels join."""
    values = [each for each in call.node.inputs if call.spread(each) is None]
    views = [call.view_of(each) for each in values]
    if any(each != views[0] for each in views) or axis == views[0].axis:
        raise NotUnderstood("puts constants beside it")
    constants = dict.fromkeys(names, (views[0].axis, views[0]))
    return Result(views[0], (), constants)


def _layer_norm(call: Call) -> Result:
    shape = call.arg(1, "normalized_shape")
    view = call.view
    rank = len(call.shape_of(call.node.inputs[0]))
    if not isinstance(shape, list) or len(shape) != 1 or view.axis != rank - 1:
        raise NotUnderstood("normalizes parts of it")
    return Result(view, (), dict.fromkeys(call.node.constants, (0, view)))


def _channel_weights(call: Call) -> Result:
    """PReLU: a slope, or one per channel of axis 1."""
    many = [name for name in call.node.constants if call.constant_shape(name)[0] > 1]
    if many and call.view.axis != 1:
        raise NotUnderstood("weighs another axis")
    return Result(call.view, (), dict.fromkeys(many, (0, call.view)))


def _not_understood(call: Call) -> Result:
    raise NotUnderstood("reads it")


UNKNOWN = Rule(_not_understood)
"""For every operator without a rule."""

_KEPT = Rule(_same)
_LINEAR = Rule(_same, homogeneous=True)

RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("clone", "contiguous", "dropout", "detach", "alias", "_to_copy", "to", "relu"), _LINEAR
    ),
    "leaky_relu": _LINEAR,
    **dict.fromkeys(
        (
            *("hardtanh", "relu6", "silu", "gelu", "hardswish", "hardsigmoid", "sigmoid", "tanh"),
            *("elu", "selu", "celu", "softplus", "mish", "clamp", "clamp_min", "clamp_max", "abs"),
            *("neg", "exp", "sqrt", "rsqrt", "square", "softsign", "logsigmoid", "reciprocal"),
        ),
        _KEPT,
    ),
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum", "pow"), Rule(_elementwise)),
    **dict.fromkeys(
        (
            *("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d"),
            *("adaptive_avg_pool1d", "adaptive_avg_pool2d"),
            *("adaptive_max_pool1d", "adaptive_max_pool2d", "upsample_nearest2d"),
            "upsample_bilinear2d",
        ),
        Rule(_spatial, homogeneous=True),
    ),
    **dict.fromkeys(("pad", "constant_pad_nd"), Rule(_padding)),
    **dict.fromkeys(("mean", "sum", "amax"), Rule(_reduction, homogeneous=True)),
    **dict.fromkeys(("softmax", "_softmax", "log_softmax", "cumsum"), Rule(_along)),
    **dict.fromkeys(("slice", "chunk", "split", "split_with_sizes"), Rule(_cut, homogeneous=True)),
    "select": Rule(_select, homogeneous=True),
    "unbind": Rule(_unbind, homogeneous=True),
    GETITEM: Rule(_item, homogeneous=True),
    "glu": Rule(_gate),
    "permute": Rule(_permute, homogeneous=True),
    "transpose": Rule(_transpose, homogeneous=True),
    **dict.fromkeys(
        ("view", "reshape", "flatten", "_unsafe_view", "unsqueeze", "squeeze", "unflatten"),
        Rule(_reshape, homogeneous=True),
    ),
    "cat": Rule(_concatenate),
    "layer_norm": Rule(_layer_norm),
    "prelu": Rule(_channel_weights, homogeneous=True),
}
