"""Networks to graphs by torch.export: ATen operators, weighted layers told apart from the rest."""

import logging
import operator
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from torch import fx, nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.graph.fold import fold
from taskzip.pipeline.graph.graph import Graph, Shape
from taskzip.pipeline.graph.node import GETITEM, SIZES, Node, constant, encode, ref, run_node

_PLACEMENT = ("device", "layout", "pin_memory", "memory_format")
"""Options that say where a tensor lies, not what is in it."""

_NOT_THE_NETWORKS = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[1]),
    sysconfig.get_path("stdlib") + "/",
    "<",
)
"""Where code lies that is no network's: the framework, this package, the standard library."""

_ADVICE = (" consider using data-dependent", " Caused by:", " For more information")
"""Where torch.export's messages begin to speak to its own developers."""

_WAY_OUT = (
    "Its forward must take one tensor of any batch size and must not branch on data; write such "
    "branches with torch.where, and take sizes from x.shape (len(x) fixes the batch)"
)


def trace(task: str, network: nn.Module, example: torch.Tensor) -> Graph:
    """The network as a graph; `example` (n, …) gives the shapes; BadInput says what does not trace.

    Batch norm is folded into the layer before it.
    """
    batch = example[:2] if len(example) > 1 else torch.cat([example, example])
    program = _exported(task, network, batch)
    try:
        return fold(_Reader(program).graph(batch))
    except BadInput as error:
        raise BadInput(f"task {task}: {error}") from error


def _exported(task: str, network: nn.Module, batch: torch.Tensor) -> torch.export.ExportedProgram:
    rows = {0: torch.export.Dim.DYNAMIC}
    try:
        with _without_the_frameworks_words(), torch.no_grad():
            program = torch.export.export(network, (batch,), dynamic_shapes=(rows,), strict=False)
            return program.run_decompositions({}) if _changes_in_place(program) else program
    except Exception as error:
        raise BadInput(
            f"task {task}: torch.export cannot trace the network for a batch of shape "
            f"{tuple(batch.shape)}: {_first_lines(error)}{_line(error)}\n{_WAY_OUT}"
        ) from error


@contextmanager
def _without_the_frameworks_words() -> Iterator[None]:
    """No warnings and logs of torch.export, which tell of its own internals."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _changes_in_place(program: torch.export.ExportedProgram) -> bool:
    """Whether an operator overwrites a value, which others may still mean to read."""
    return any(
        isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
        for node in program.graph.nodes
    )


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines[:3])
    for advice in _ADVICE:
        said = said.partition(advice)[0]
    return f"{type(error).__name__}: {said.strip()}"


def _line(error: Exception) -> str:
    """Where in the network's own code it happened, as ` (at FILE:LINE in FUNCTION: CODE)`."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if not each.filename.startswith(_NOT_THE_NETWORKS)]
    if not own:
        return ""
    last = own[-1]
    return f" (at {last.filename}:{last.lineno} in {last.name}: {last.line})"


class _Reader:
    """Reads an exported program; whatever depends on weights alone is computed at once."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        self._program = program
        self._names = _names(program)
        self._constants = _constants(program, self._names)
        self._nodes: list[Node] = []
        self._input = ""
        self._output: JsonValue = None

    def graph(self, batch: torch.Tensor) -> Graph:
        for node in self._program.graph.nodes:
            self._read(node)
        used = {name for node in self._nodes for name in node.constants}
        kept = {name: self._constants[name] for name in self._constants if name in used}
        return Graph(
            input=self._input,
            nodes=tuple(self._nodes),
            output=self._output,
            layers={},
            constants=kept,
            shapes=_shapes(self._input, self._nodes, kept, batch),
        )

    def _read(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            if node.name not in self._names:
                self._take_input(node.name)
        elif node.op == "output":
            results: Any = node.args[0]
            found = [self._argument(each) for each in results]
            self._output = found[0] if len(found) == 1 else found
        elif node.op == "call_function":
            self._add(self._call(node))
        else:
            raise BadInput(f"{node.op} {node.target} is not understood")

    def _take_input(self, name: str) -> None:
        if self._input:
            raise BadInput("the network takes more than one input; one is needed")
        self._input = name

    def _call(self, node: fx.Node) -> Node:
        if node.target is operator.getitem:
            op = GETITEM
        elif isinstance(node.target, torch._ops.OpOverload):
            op = str(node.target)
        elif f"size.{_title(node)}" in SIZES:
            op = f"size.{_title(node)}"
        else:
            raise BadInput(f"{_title(node)!r} computes with sizes that stay open; use known sizes")
        options = {k: self._argument(v) for k, v in node.kwargs.items() if k not in _PLACEMENT}
        return Node(
            name=node.name,
            op=op,
            args=tuple(self._argument(each) for each in node.args),
            options=options,
        )

    def _add(self, node: Node) -> None:
        if node.inputs:
            self._nodes.append(node)
            return
        value = run_node(node, {}, self._constants)
        if not isinstance(value, torch.Tensor):
            raise BadInput(f"{node.op} of weights alone gives {type(value).__name__}")
        self._names[node.name] = node.name
        self._constants[node.name] = value

    def _argument(self, value: Any) -> JsonValue:
        if isinstance(value, fx.Node):
            known = self._names.get(value.name)
            return ref(value.name) if known is None else constant(known)
        if isinstance(value, (list, tuple)):
            return [self._argument(each) for each in value]
        return encode(value)


def _title(node: fx.Node) -> str:
    return getattr(node.target, "__name__", str(node.target))


def _names(program: torch.export.ExportedProgram) -> dict[str, str]:
    """Placeholder → the name of the parameter, buffer or constant that it stands for."""
    signature = program.graph_signature
    return {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }


def _constants(
    program: torch.export.ExportedProgram, names: dict[str, str]
) -> dict[str, torch.Tensor]:
    found = {**program.constants, **program.state_dict}
    return {name: found[name].detach() for name in names.values()}


@torch.no_grad()
def _shapes(
    start: str, nodes: list[Node], constants: dict[str, torch.Tensor], batch: torch.Tensor
) -> dict[str, Shape]:
    values: dict[str, Any] = {start: batch}
    shapes: dict[str, Shape] = {start: tuple(batch.shape)}
    last_use = {name: node.name for node in nodes for name in node.inputs}
    for node in nodes:
        value = values[node.name] = run_node(node, values, constants)
        if isinstance(value, torch.Tensor):
            shapes[node.name] = tuple(value.shape)
        for name in node.inputs:
            if last_use[name] == node.name:
                values.pop(name, None)
    return shapes
