"""How operators treat channels: which keep them, move them, join them or mix them up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from taskzip.pipeline.graph.node import Node

Shape = tuple[int, ...]


class NotUnderstood(Exception):
    """The operator mixes channels, or what it does to them is not known; the text says which."""


@dataclass(frozen=True)
class Segment:
    """Channels of one space that lie next to each other, `columns` positions each."""

    space: int
    channels: int
    columns: int

    @property
    def size(self) -> int:
        """How much of the axis they take."""
        return self.channels * self.columns


@dataclass(frozen=True)
class View:
    """Where a value has its channels: the axis, and the spaces along it."""

    axis: int
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        """The length of the axis."""
        return sum(each.size for each in self.segments)


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

    view: View
    joined: tuple[tuple[View, View], ...] = ()
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


def _dimensions(call: Call, position: int, option: str, rank: int) -> list[int]:
    given = call.arg(position, option)
    if given is None:
        return list(range(rank))
    return [int(str(each)) % rank for each in (given if isinstance(given, list) else [given])]


def _reduction(call: Call) -> Result:
    view = call.view
    rank = len(call.shape_of(call.node.inputs[0]))
    gone = _dimensions(call, 1, "dim", rank)
    if view.axis in gone:
        raise NotUnderstood("sums over it")
    keeps = bool(call.arg(2, "keepdim", False))
    before = 0 if keeps else sum(each < view.axis for each in gone)
    return Result(View(view.axis - before, view.segments))


def _along(call: Call) -> Result:
    """Softmax and its like: fine along other axes."""
    rank = len(call.shape_of(call.node.inputs[0]))
    if call.view.axis in _dimensions(call, 1, "dim", rank):
        raise NotUnderstood("runs along it")
    return Result(call.view)


def _cut(call: Call) -> Result:
    """Slice, select: fine on other axes; select drops its axis."""
    view = call.view
    rank = len(call.shape_of(call.node.inputs[0]))
    axis = int(str(call.arg(1, "dim", 0))) % rank
    if axis == view.axis:
        raise NotUnderstood("takes a part of it")
    drops = call.node.base == "select" and axis < view.axis
    return Result(View(view.axis - drops, view.segments))


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
    """The axis of channels stays whole, or takes in the axes after it."""
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
    raise NotUnderstood("takes it apart")


def _elementwise(call: Call) -> Result:
    """Sums and products of values, of values and constants, of values and numbers."""
    names = [each for each in call.node.inputs if _is_tensor(call, each)]
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


def _is_tensor(call: Call, name: str) -> bool:
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
    **dict.fromkeys(("slice", "select"), Rule(_cut, homogeneous=True)),
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
