"""How operators treat channels that are taken apart: attention's heads, the parts of packed layers.

Whatever happens within a unit, the same in all units, lets units change places.
"""

import math
from collections.abc import Callable, Sequence

from taskzip.pipeline.graph.layout import Atom, Axis, Layout, What
from taskzip.pipeline.graph.rules import (
    RULES,
    Call,
    InParts,
    Result,
    Rule,
    dimensions,
    is_tensor,
    keeps,
    pieces,
)
from taskzip.pipeline.graph.view import NotUnderstood

_MATRIX = 2
_GROUPED_QUERIES = 7
"""Where attention is told that several queries share a key."""


def _kept(call: Call) -> Result:
    return Result(call.layout)


def _reshape(call: Call) -> Result:
    return Result(call.layout.regrouped(call.shape_of(call.node.name)).taken_together())


def _permute(call: Call) -> Result:
    rank = len(call.layout.axes)
    return Result(call.layout.moved(dimensions(call, 1, "dims", rank)).taken_together())


def _transpose(call: Call) -> Result:
    rank = len(call.layout.axes)
    order = list(range(rank))
    one, other = (int(str(call.arg(each, f"dim{each - 1}"))) % rank for each in (1, 2))
    order[one], order[other] = other, one
    return Result(call.layout.moved(order).taken_together())


def _axis(call: Call, position: int) -> int:
    return int(str(call.arg(position, "dim", 0))) % len(call.layout.axes)


def _picked(layout: Layout, axis: int) -> "Layout":
    """One place along an axis: of a plain axis, or one part."""
    kind = layout.holds(axis)
    if kind is What.UNIT and len(layout.axes[axis]) == 1:
        raise InParts(layout.space, layout.units)
    if kind is What.PLAIN or (kind is What.PART and len(layout.axes[axis]) == 1):
        return layout.without(axis)
    raise NotUnderstood("takes a part of it")


def _select(call: Call) -> Result:
    return Result(_picked(call.layout, _axis(call, 1)).taken_together())


def _unbind(call: Call) -> Result:
    axis = _axis(call, 1)
    one = _picked(call.layout, axis).taken_together()
    return Result((one,) * call.layout.shape[axis])


def _cut(call: Call) -> Result:
    """Slices, chunks: of a plain axis, or of one part each."""
    layout, axis = call.layout, pieces(call).axis
    sizes = [stop - start for start, stop in pieces(call).ranges]
    kind = layout.holds(axis)
    if sizes == [layout.shape[axis]]:
        return Result(layout if pieces(call).is_one else (layout,))
    if kind is What.UNIT and sizes[0] and layout.shape[axis] % sizes[0] == 0:
        raise InParts(layout.space, layout.shape[axis] // sizes[0])
    if kind is not What.PLAIN and not (kind is What.PART and set(sizes) == {1}):
        raise NotUnderstood("takes a part of it")
    cut = [layout.with_axis(axis, size).taken_together() for size in sizes]
    return Result(cut[0] if pieces(call).is_one else tuple(cut))


def _along(call: Call) -> Result:
    """Softmax and its like: fine along plain axes."""
    _check_plain(call.layout, dimensions(call, 1, "dim", len(call.layout.axes)))
    return Result(call.layout)


def _layer_norm(call: Call) -> Result:
    shape = call.arg(1, "normalized_shape")
    rank = len(call.layout.axes)
    size = len(shape) if isinstance(shape, list) else 1
    _check_plain(call.layout, range(rank - size, rank))
    return Result(call.layout)


def _reduction(call: Call) -> Result:
    layout = call.layout
    gone = dimensions(call, 1, "dim", len(layout.axes))
    _check_plain(layout, gone)
    for axis in sorted(gone, reverse=True):
        keeps_axis = bool(call.arg(2, "keepdim", False))
        layout = layout.with_axis(axis, 1) if keeps_axis else layout.without(axis)
    return Result(layout.taken_together())


def _check_plain(layout: Layout, axes: Sequence[int] | range) -> None:
    if not all(layout.is_plain(each) for each in axes):
        raise NotUnderstood("runs along it")


def _expand(call: Call) -> Result:
    return Result(_stretched(call, [call.layout]))


def _elementwise(call: Call) -> Result:
    """Values taken apart alike, with numbers and with what is the same for all units."""
    names = [each for each in call.node.inputs if is_tensor(call, each)]
    apart = [call.layout_of(each) for each in names if not call.is_plain(each)]
    result = _stretched(call, apart)
    shapes = [call.shape_of(each) for each in names if call.is_plain(each)]
    shapes += [call.constant_shape(each) for each in call.node.constants]
    _check_same_for_all(result, shapes)
    return Result(result, tuple((apart[0], each) for each in apart[1:]))


def _stretched(call: Call, layouts: Sequence[Layout]) -> Layout:
    """The layout that all have, its plain axes as long as the result's."""
    shape = call.shape_of(call.node.name)
    axes: list[Axis] = []
    for place, size in enumerate(shape):
        found = [each.axes[place - len(shape)] for each in layouts if _has(each, place, shape)]
        marked = [each for each in found if any(atom.what is not What.PLAIN for atom in each)]
        if marked and (len(marked) != len(layouts) or len(set(marked)) > 1):
            raise NotUnderstood("puts other channels beside it")
        axes.append(marked[0] if marked else (Atom(size),))
    result = Layout(layouts[0].space, layouts[0].channels, tuple(axes))
    _check_coupled(layouts)
    if result.shape != shape:
        raise NotUnderstood("repeats it")
    return result


def _has(layout: Layout, place: int, shape: Sequence[int]) -> bool:
    return place - len(shape) + len(layout.axes) >= 0


def _check_coupled(layouts: Sequence[Layout]) -> None:
    if len({each.channels for each in layouts}) > 1:
        raise NotUnderstood("joins heads of other widths")


def _check_same_for_all(layout: Layout, shapes: Sequence[Sequence[int]]) -> None:
    """What is not understood must not differ from unit to unit."""
    for shape in shapes:
        for axis in range(len(layout.axes)):
            place = axis - len(layout.axes) + len(shape)
            if place >= 0 and shape[place] > 1 and not layout.is_plain(axis):
                raise NotUnderstood("joins it with what differs from head to head")


def _matmul(call: Call) -> Result:
    """Products of matrices, one for each image and unit."""
    one, other = (call.layout_of(each) for each in call.node.inputs)
    _check_matrices([one, other])
    return _product(call, [one, other], other.axes[-1])


def _attention(call: Call) -> Result:
    layouts = [call.layout_of(each) for each in call.node.inputs[:3]]
    _check_matrices(layouts)
    if call.arg(_GROUPED_QUERIES, "enable_gqa", False):
        raise NotUnderstood("repeats its heads")
    found = _product(call, layouts, layouts[2].axes[-1])
    if isinstance(found.view, Layout):
        masks = [call.shape_of(each) for each in call.node.inputs[3:] if is_tensor(call, each)]
        masks += [call.constant_shape(each) for each in call.node.constants]
        _check_same_for_all(found.view, masks)
    return found


def _check_matrices(layouts: Sequence[Layout]) -> None:
    for each in layouts:
        rank = len(each.axes)
        if rank <= _MATRIX or rank != len(layouts[0].axes):
            raise NotUnderstood("mixes it with other axes")
        _check_plain(each, (rank - 2, rank - 1))
        if each.axes[:-2] != layouts[0].axes[:-2]:
            raise NotUnderstood("mixes it with other channels")
    _check_coupled(layouts)


def _product(call: Call, layouts: Sequence[Layout], last: Axis) -> Result:
    first = layouts[0]
    result = Layout(first.space, first.channels, (*first.axes[:-1], last))
    if math.prod(result.shape) != math.prod(call.shape_of(call.node.name)):
        raise NotUnderstood("repeats it")
    return Result(result, tuple((first, each) for each in layouts[1:]))


def _rules() -> dict[str, Rule]:
    """By operator; what keeps each number in its place does so here too."""
    kept = {name: Rule(_kept, rule.homogeneous) for name, rule in RULES.items() if keeps(rule)}
    moving: dict[str, Callable[[Call], Result]] = {
        **dict.fromkeys(
            ("view", "reshape", "flatten", "_unsafe_view", "unsqueeze", "squeeze", "unflatten"),
            _reshape,
        ),
        "permute": _permute,
        "transpose": _transpose,
        "select": _select,
        "unbind": _unbind,
        **dict.fromkeys(("slice", "chunk", "split", "split_with_sizes"), _cut),
        "expand": _expand,
        **dict.fromkeys(("mean", "sum"), _reduction),
    }
    mixing: dict[str, Callable[[Call], Result]] = {
        **dict.fromkeys(("softmax", "_softmax", "log_softmax", "cumsum"), _along),
        "layer_norm": _layer_norm,
        **dict.fromkeys(
            ("add", "sub", "mul", "div", "maximum", "minimum", "pow", "masked_fill", "where"),
            _elementwise,
        ),
        **dict.fromkeys(("matmul", "bmm"), _matmul),
        "scaled_dot_product_attention": _attention,
    }
    return {
        **kept,
        **{name: Rule(apply, homogeneous=True) for name, apply in moving.items()},
        **{name: Rule(apply) for name, apply in mixing.items()},
    }


LAYOUT_RULES = _rules()
"""For values whose channels are taken apart."""
