"""What the graph inside a `.pt2` file may say, so that building and running it runs no code of it.

torch.export evaluates size expressions (`sympy.sympify`), looks up call targets anywhere below
`torch`, and writes names from the file into the Python source of the network. So each is checked
before torch sees it: expressions are arithmetic, targets are ATen operations, names are names.
"""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from taskzip.pipeline.networks.refused import Refused

_NAME = re.compile(r"[\w.-]*")
_ATEN = re.compile(r"torch\.ops\.aten\.\w+\.\w+")
_OUTSIDE = ("torch.ops.aten.from_file.default", "torch.ops.aten.from_file.out")
"""ATen operations that read or write files."""
_ARITHMETIC = (
    *("add", "and_", "eq", "floordiv", "ge", "getitem", "gt", "le", "lshift", "lt", "mod", "mul"),
    *("ne", "neg", "or_", "pos", "pow", "rshift", "sub", "truediv"),
)
_SIZES = (
    *(f"_operator.{name}" for name in _ARITHMETIC if hasattr(operator, name)),
    *(f"torch.sym_{name}" for name in ("float", "int", "ite", "max", "min", "not", "sqrt")),
    "math.trunc",
)
_EXPRESSION_WORDS = frozenset(
    (
        *("Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Min", "Max", "Mod"),
        *("Abs", "floor", "ceiling", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not"),
        *("Equality", "Unequality", "StrictLessThan", "LessThan", "StrictGreaterThan"),
        *("GreaterThan", "FloorDiv", "CleanDiv", "CeilDiv", "PythonMod", "ModularIndexing"),
        *("PowByNatural", "FloatPow", "FloatTrueDiv", "IntTrueDiv", "CeilToInt", "FloorToInt"),
        *("RoundToInt", "TruncToInt", "TruncToFloat", "ToFloat", "Where", "Identity", "true"),
        *("LShift", "RShift", "RoundDecimal", "IsNonOverlappingAndDenseIndicator", "false"),
    )
)
_EXPRESSION_NODES = (
    *(ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp),
    *(ast.UnaryOp, ast.operator, ast.unaryop, ast.Compare, ast.cmpop),
)


def check_graph(part: Any, key: str = "") -> None:
    """Walk JSON data; Refused names the first text that is more than its place allows."""
    if isinstance(part, dict):
        for name, value in part.items():
            _check_name(name)
            check_graph(value, name)
    elif isinstance(part, list):
        for value in part:
            check_graph(value, key)
    elif isinstance(part, str):
        _RULES.get(key, _check_name)(part)


def _check_name(text: str) -> None:
    if not _NAME.fullmatch(text):
        raise Refused(
            f"{_shortened(text)} is no name; rename it in the network (letters, digits, _ . -)"
        )


def _check_target(text: str) -> None:
    if text not in _SIZES and (not _ATEN.fullmatch(text) or text in _OUTSIDE):
        raise Refused(
            f"it calls {_shortened(text)}; only operations of torch.ops.aten are read, "
            "others need the network as 'module:factory'"
        )


def _check_expression(text: str) -> None:
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except SyntaxError:
        nodes = []
    if not nodes or not all(_is_arithmetic(node) for node in nodes):
        raise Refused(f"the size {_shortened(text)} is not arithmetic")


def _is_arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _EXPRESSION_WORDS or bool(re.fullmatch(r"z?[suf]+\d+", node.id))
    if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
        return False
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return bool(re.fullmatch(r"\w+|[\d.e+-]+", node.value))
    return isinstance(node, _EXPRESSION_NODES)


def _accept(text: str) -> None:
    """Text that torch hands to operations as text, or compares."""


def _check_device(text: str) -> None:
    if text != "cpu":
        raise Refused(
            f"its tensors are on {_shortened(text)}; "
            "move the network to the CPU before exporting: network.cpu()"
        )


_RULES: dict[str, Callable[[str], None]] = {
    "target": _check_target,
    "as_operator": _check_target,
    "expr_str": _check_expression,
    "type": _check_device,
    "as_string": _accept,
    "as_strings": _accept,
    "torch_version": _accept,
}


def _shortened(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else f"{text[:limit]}…")
