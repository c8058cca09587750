"""Steps of a graph that change nothing: checks of types, conversions to the same, to and fro."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import fx

_ATEN = torch.ops.aten


def simplify(graph: fx.Graph) -> None:
    """Take out, in place, nodes without an effect on the result."""
    for node in graph.nodes:
        if node.target is _ATEN._assert_tensor_metadata.default:
            graph.erase_node(node)
        elif (source := _same_as(node)) is not None:
            node.replace_all_uses_with(source)
    graph.eliminate_dead_code()


def _same_as(node: fx.Node) -> fx.Node | None:
    """The node that gives the same values, if there is one before it."""
    before = node.args[0] if node.args else None
    if not isinstance(before, fx.Node):
        return None
    if node.target in (_ATEN.clone.default, _ATEN.contiguous.default, _ATEN.alias.default):
        return before
    if node.target is _ATEN.to.dtype:
        return before if before.meta["val"].dtype == node.meta["val"].dtype else None
    if node.target is _ATEN.permute.default and before.target is _ATEN.permute.default:
        origin, axes, again = before.args[0], _axes(before), _axes(node)
        if [axes[axis] for axis in again] == list(range(len(axes))):
            return origin if isinstance(origin, fx.Node) else None
    return None


def _axes(permutation: fx.Node) -> list[int]:
    axes = cast(Sequence[int], permutation.args[1])
    return [axis % len(axes) for axis in axes]
