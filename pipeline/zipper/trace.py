"""Networks to chains by torch.fx; whatever is not a chain of known layers is refused by name."""

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.chain import Chain, Geometry, Layer, Op
from taskzip.pipeline.zipper.known_ops import FUNCTIONS, METHODS, MODULES, NotKnown

_RESHAPES = (torch.flatten, torch.reshape, "flatten", "view", "reshape")
_SHAPE_WORDS = ("size", "dim", getattr, operator.getitem, operator.mul, operator.floordiv)
_CAN = (
    "this version zips chains of Conv2d, Linear, ReLU, max, average and adaptive pooling, "
    "flatten and dropout"
)


def trace(task: str, network: nn.Module, example: torch.Tensor) -> Chain:
    """The network as a chain; `example` (n, …) gives the shapes; BadInput names op and layer."""
    return _Walk(task, _shaped_graph(task, network, example)).chain()


def _shaped_graph(task: str, network: nn.Module, example: torch.Tensor) -> fx.GraphModule:
    try:
        graph = fx.symbolic_trace(network)
    except Exception as error:
        raise BadInput(
            f"task {task}: the network cannot be traced by torch.fx ({error}); {_CAN}, "
            "without branches that depend on data"
        ) from error
    placeholders = [node for node in graph.graph.nodes if node.op == "placeholder"]
    if len(placeholders) != 1:
        raise BadInput(f"task {task}: the network takes {len(placeholders)} inputs; one is needed")
    with torch.no_grad():
        _Shapes(graph).run(example)
    return graph


class _Shapes(fx.Interpreter):
    """Runs the graph and leaves in every tensor node's `meta` the shape of its result."""

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, torch.Tensor):
            n.meta["shape"] = tuple(result.shape)
        return result


class _Walk:
    """Follows the one tensor that flows through the graph."""

    def __init__(self, task: str, graph: fx.GraphModule) -> None:
        self._task = task
        self._graph = graph
        self._modules = dict(graph.named_modules())
        self._lead: list[Op] = []
        self._layers: list[Layer] = []
        self._channels = 0

    def chain(self) -> Chain:
        current: fx.Node | None = None
        for node in self._graph.graph.nodes:
            if node.op == "placeholder":
                current = node
                self._channels = _shape(node)[1]
            elif node.op == "output":
                if node.args[0] is not current:
                    raise self._refusal("an output that is not the last layer's alone", _CAN)
            elif not _computes_shape(node):
                self._check_follows(node, current)
                self._add(node)
                current = node
        if not self._layers:
            raise self._refusal("a network without Conv2d or Linear layers", _CAN)
        return Chain(tuple(self._lead), tuple(self._layers))

    def _check_follows(self, node: fx.Node, current: fx.Node | None) -> None:
        tensors = [each for each in node.all_input_nodes if not _computes_shape(each)]
        if tensors != [current]:
            names = ", ".join(each.name for each in tensors) or "nothing"
            raise self._refusal(f"{self._title(node)} takes {names}", f"{_CAN}, without branches")

    def _add(self, node: fx.Node) -> None:
        module = self._modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            self._add_layer(str(node.target), module, node)
            return
        try:
            op = self._op(node, module)
        except NotKnown as error:
            raise self._refusal(self._title(node), str(error) or _CAN) from error
        if op is not None:
            self._append(op)

    def _op(self, node: fx.Node, module: nn.Module | None) -> Op | None:
        if module is not None:
            if isinstance(module, nn.Flatten):
                return self._flatten(node)
            return _look_up(MODULES, type(module))(module)
        if node.target in _RESHAPES:
            return self._flatten(node)
        table: dict[Any, Any] = METHODS if node.op == "call_method" else FUNCTIONS
        return _look_up(table, node.target)(*node.args[1:], **node.kwargs)

    def _flatten(self, node: fx.Node) -> Op | None:
        before, after = _shape(node.all_input_nodes[0]), _shape(node)
        if before == after:
            return None
        if after[0] != before[0] or len(after) != 2:  # noqa: PLR2004  # batch and features
            raise NotKnown(f"it makes {after} of {before}; only flattening all but the batch fits")
        if not self._layers:
            self._channels = after[1]
        return Op(op="flatten")

    def _append(self, op: Op) -> None:
        if not self._layers:
            self._lead.append(op)
            return
        last = self._layers[-1]
        self._layers[-1] = replace(last, ops=(*last.ops, op))

    def _add_layer(self, name: str, module: nn.Conv2d | nn.Linear, node: fx.Node) -> None:
        if any(layer.name == name for layer in self._layers):
            raise self._refusal(f"layer {name!r} used twice", "give each use a layer of its own")
        geometry = self._geometry(name, module) if isinstance(module, nn.Conv2d) else None
        dimensions, needed = len(_shape(node.all_input_nodes[0])), 4 if geometry else 2
        if dimensions != needed:
            raise self._refusal(
                f"{self._title(node)} on an input of {dimensions} dimensions",
                f"its input needs {needed}: the batch, and "
                + ("channels, rows, columns" if geometry else "features (flatten before it)"),
            )
        bias = None if module.bias is None else module.bias.detach()
        self._layers.append(Layer(name, module.weight.detach(), bias, geometry, self._channels))
        self._channels = self._layers[-1].outputs

    def _geometry(self, name: str, module: nn.Conv2d) -> Geometry:
        if module.groups != 1 or module.padding_mode != "zeros":
            raise self._refusal(
                f"Conv2d {name!r} with groups={module.groups}, padding_mode={module.padding_mode}",
                "this version needs groups=1 and padding_mode='zeros'",
            )
        return Geometry(
            kernel=_pair(module.kernel_size),
            stride=_pair(module.stride),
            padding=self._padding(name, module),
            dilation=_pair(module.dilation),
        )

    def _padding(self, name: str, module: nn.Conv2d) -> tuple[int, int]:
        if not isinstance(module.padding, str):
            return _pair(module.padding)
        if module.padding == "valid":
            return (0, 0)
        reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        if any(each % 2 for each in reach):
            raise self._refusal(
                f"Conv2d {name!r} with padding='same' and an even kernel",
                "its padding is not the same on both sides",
            )
        return _pair(tuple(each // 2 for each in reach))

    def _title(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return f"{type(self._modules[str(node.target)]).__name__} {str(node.target)!r}"
        name = getattr(node.target, "__name__", str(node.target))
        after = f" after layer {self._layers[-1].name!r}" if self._layers else " on the input"
        return f"operation {name!r}{after}"

    def _refusal(self, what: str, why: str) -> BadInput:
        return BadInput(f"task {self._task}: {what} cannot be zipped: {why}")


def _look_up(table: dict[Any, Callable[..., Op | None]], key: Any) -> Callable[..., Op | None]:
    if key not in table:
        raise NotKnown
    return table[key]


def _computes_shape(node: fx.Node) -> bool:
    return "shape" not in node.meta and node.target in _SHAPE_WORDS


def _shape(node: fx.Node) -> tuple[int, ...]:
    shape: tuple[int, ...] = node.meta["shape"]
    return shape


def _pair(value: Any) -> tuple[int, int]:
    first, second = value if isinstance(value, tuple) else (value, value)
    return int(first), int(second)
