"""The export frameworks: imported when first needed, their warnings kept where they arise."""

import importlib.util
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Precision, Runtime

_MODULES: dict[Runtime, tuple[str, ...]] = {
    "executorch": ("executorch",),
    "litert": ("litert_torch", "ai_edge_litert"),
}
_OPERATOR = re.compile(r"\b(?:aten|quantized_decomposed|prims)(?:::|\.)\w+(?:\.\w+)?")


def require(runtime: Runtime) -> None:
    """BadInput with the extra to install, if that runtime's framework is not there."""
    missing = [name for name in _MODULES[runtime] if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"{runtime}: {', '.join(missing)} not installed; "
            f"try: pip install 'taskzip[{runtime}]', or leave {runtime!r} out of [export] runtimes"
        )


@contextmanager
def contained_warnings() -> Iterator[None]:
    """Within the block, warnings that only a framework's own authors can act on are dropped."""
    with warnings.catch_warnings():
        # The frameworks and what they import use each other's deprecated names.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        # ExecuTorch marks its Python runtime experimental; torch.export warns of its own internals.
        warnings.simplefilter("ignore", UserWarning)
        # The SWIG types of the LiteRT wheels lack __module__; parsers leave files to the collector.
        warnings.simplefilter("ignore", ImportWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def cannot_lower(
    runtime: Runtime, entries: Sequence[str], error: Exception, precision: Precision = "fp32"
) -> BadInput:
    """The error of a framework that could not lower a network, in the user's words."""
    found = dict.fromkeys(_OPERATOR.findall(str(error)))
    operators = f" (operator {', '.join(found)})" if found else ""
    lines = str(error).strip().splitlines() or ["no message"]
    where = "" if precision == "fp32" else f" in {precision}"
    other = "" if precision == "fp32" else "set another [export] precision, "
    return BadInput(
        f"{runtime}: the network of {' and '.join(entries)} cannot be exported{where}{operators}; "
        f"{other}replace that part of the network, or leave {runtime!r} out of [export] runtimes. "
        f"{type(error).__name__}: {lines[0]}"
    )


def cannot_run(runtime: Runtime, name: str, error: Exception, operators: Sequence[str]) -> BadInput:
    """The error of a runtime that does not load the file `name`, which was made for it."""
    lines = str(error).strip().splitlines() or ["no message"]
    among = f" It has no kernel for one or more of {', '.join(operators)}." if operators else ""
    return BadInput(
        f"{runtime}: {name} was written, but the runtime does not load it.{among} Replace that "
        f"part of the network, or leave {runtime!r} out of [export] runtimes. "
        f"{type(error).__name__}: {lines[0]}"
    )
