"""A traced network as data: nodes that call ATen operators or layers.

Arguments are JSON. Three forms stand for what JSON lacks: `{"ref": name}` is the value of a node,
`{"constant": name}` a tensor beside the graph, `{"dtype": name}` and `{"number": "-inf"}` what they
say.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from pydantic import Field, JsonValue

from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput

LAYER = "layer"
"""The op of a node that calls a layer; its only argument is the input."""
GETITEM = "getitem"
"""The op of a node that takes one of several results."""

SIZES: dict[str, Callable[..., int]] = {
    "size.add": operator.add,
    "size.sub": operator.sub,
    "size.mul": operator.mul,
    "size.floordiv": operator.floordiv,
}
"""Ops that compute with sizes."""

_ATEN = re.compile(r"^aten\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+$")
_MAKERS = ("zeros", "ones", "full", "arange")
"""Operators that make tensors of sizes alone."""


class Node(Document):
    """One step: `op` is an ATen overload such as `aten.relu.default`, LAYER or GETITEM."""

    name: str
    op: str
    args: tuple[JsonValue, ...] = ()
    options: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def base(self) -> str:
        """The operator without library and overload: `relu`."""
        return self.op.split(".")[1] if "." in self.op else self.op

    @property
    def inputs(self) -> tuple[str, ...]:
        """The nodes whose values it takes, in order."""
        return tuple(named("ref", [*self.args, *self.options.values()]))

    @property
    def constants(self) -> tuple[str, ...]:
        """The constants that it takes, in order."""
        return tuple(named("constant", [*self.args, *self.options.values()]))

    @property
    def counts_images(self) -> bool:
        """Whether it gives the number of images."""
        return self.base == "sym_size" and self.arg(1) == 0

    def arg(self, position: int, default: JsonValue = None) -> JsonValue:
        """A positional argument, or what the operator takes without it."""
        return self.args[position] if len(self.args) > position else default


def ref(name: str) -> dict[str, JsonValue]:
    """The value of a node as an argument."""
    return {"ref": name}


def constant(name: str) -> dict[str, JsonValue]:
    """A tensor beside the graph as an argument."""
    return {"constant": name}


def named(kind: str, value: JsonValue) -> Iterator[str]:
    """The names that an argument has of one kind, "ref" or "constant", in order."""
    if isinstance(value, dict):
        if kind in value:
            yield str(value[kind])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from named(kind, each)


def encode(value: Any) -> JsonValue:
    """A plain argument of an operator as JSON; BadInput for what has no form here."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": str(value)}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in value]
    raise BadInput(f"an argument of type {type(value).__name__} ({value!r}) cannot be stored")


def fill(value: JsonValue, values: Mapping[str, Any], constants: Mapping[str, torch.Tensor]) -> Any:
    """An argument with the values of nodes and constants in place."""
    if isinstance(value, list):
        return [fill(each, values, constants) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, name),) = value.items()
    if kind == "ref":
        return values[str(name)]
    if kind == "constant":
        return constants[str(name)]
    if kind == "dtype":
        return getattr(torch, str(name))
    return float(str(name))


def operator_of(op: str) -> Callable[..., Any]:
    """The ATen overload called `op`; BadInput unless it only computes tensors from tensors."""
    if _ATEN.match(op):
        _, packet, overload = op.split(".")
        found = getattr(getattr(torch.ops.aten, packet, None), overload, None)
        if isinstance(found, torch._ops.OpOverload) and _is_pure(found):
            return found
    raise BadInput(f"{op!r} is no operator that a network may call")


def check_known(nodes: Sequence[Node], source: str) -> None:
    """BadInput names `source` and the first op that a network may not call."""
    for node in nodes:
        if node.op not in (LAYER, GETITEM, *SIZES):
            try:
                operator_of(node.op)
            except BadInput as error:
                raise BadInput(f"{source}: node {node.name!r}: {error}") from error


def _is_pure(found: torch._ops.OpOverload) -> bool:
    schema = found._schema
    takes_tensor = any("Tensor" in str(argument.type) for argument in schema.arguments)
    made = schema.name.removeprefix("aten::") in _MAKERS
    return (takes_tensor or made) and not schema.is_mutable


def run_node(node: Node, values: Mapping[str, Any], constants: Mapping[str, torch.Tensor]) -> Any:
    """What an operator's node computes; layers are called by their owners."""
    args = [fill(each, values, constants) for each in node.args]
    if node.op == GETITEM:
        return args[0][args[1]]
    if node.op in SIZES:
        return SIZES[node.op](*args)
    options = {key: fill(each, values, constants) for key, each in node.options.items()}
    return operator_of(node.op)(*args, **options)
