"""Scales of a task's own, kept apart from shared weights that a converter would multiply by them.

x · c becomes x + x · (c − 1): x is used twice then, and LiteRT's converter folds what is used once.
"""

import torch
from torch.fx import GraphModule, Node

_ATEN = torch.ops.aten
_EPS = 1e-5
"""torch's own, where a layer norm does not say."""


def keep_scales_apart(module: GraphModule) -> None:
    """Rewrite products with constants, and layer norms that scale, in place."""
    for node in list(module.graph.nodes):
        if node.target is _ATEN.mul.Tensor:
            _split_product(module, node)
        elif node.target is _ATEN.layer_norm.default:
            _split_layer_norm(module, node)
    module.graph.eliminate_dead_code()
    module.recompile()


def _split_product(module: GraphModule, node: Node) -> None:
    for x, scale in (node.args[:2], node.args[1::-1]):
        if not isinstance(x, Node) or not isinstance(scale, Node) or scale.op != "get_attr":
            continue
        if x.op != "get_attr" and _shape(x) == _shape(node) and _elements(module, scale) > 1:
            with module.graph.inserting_before(node):
                node.replace_all_uses_with(_scaled(module, x, scale))
        return


def _split_layer_norm(module: GraphModule, node: Node) -> None:
    x, shape, weight, bias, eps = (*node.args, *(None, None, _EPS)[len(node.args) - 2 :])[:5]
    if not isinstance(weight, Node):
        return
    call = module.graph.call_function
    with module.graph.inserting_before(node):
        found = call(_ATEN.layer_norm.default, (x, shape, None, None, eps))
        found = _scaled(module, found, weight)
        if isinstance(bias, Node):
            found = call(_ATEN.add.Tensor, (found, bias))
        node.replace_all_uses_with(found)


def _scaled(module: GraphModule, x: Node, scale: Node) -> Node:
    call = module.graph.call_function
    less = call(_ATEN.sub.Tensor, (scale, 1.0))
    return call(_ATEN.add.Tensor, (x, call(_ATEN.mul.Tensor, (x, less))))


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(node.meta["val"].shape)


def _elements(module: GraphModule, constant: Node) -> int:
    *path, name = str(constant.target).split(".")
    tensor: torch.Tensor = getattr(module.get_submodule(".".join(path)), name)
    return tensor.numel()
