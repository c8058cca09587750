"""Whether the networks of all tasks can share layer by layer, and under which names."""

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.chain import Chain, Layer, Op


def align(chains: dict[str, Chain]) -> tuple[str, ...]:
    """The hidden layers' names (the first task's), input to output; BadInput when they differ.

    Widths may differ but for the network's input; the last layers (heads) may be anything.
    """
    first = next(iter(chains))
    for task in list(chains)[1:]:
        _check_lead(first, chains[first], task, chains[task])
        _check_layers(first, chains[first], task, chains[task])
    return tuple(layer.name for layer in chains[first].hidden)


def _check_lead(task_a: str, a: Chain, task_b: str, b: Chain) -> None:
    if a.lead != b.lead:
        raise BadInput(
            f"networks do not align before their first layers: {task_a} starts with "
            f"{_ops(a.lead)}, {task_b} with {_ops(b.lead)}; make them equal"
        )
    if a.hidden and b.hidden and a.layers[0].inputs != b.layers[0].inputs:
        raise _mismatch(task_a, a.layers[0], task_b, b.layers[0], "take the same input channels")


def _check_layers(task_a: str, a: Chain, task_b: str, b: Chain) -> None:
    for one, other in zip(a.hidden, b.hidden, strict=False):
        _check_pair(task_a, one, task_b, other)
    if len(a.layers) != len(b.layers):
        depth = min(len(a.layers), len(b.layers)) - 1
        longer, shorter = (task_a, task_b) if len(a.layers) > depth + 1 else (task_b, task_a)
        chains = {task_a: a, task_b: b}
        raise BadInput(
            f"networks do not align: {longer} goes on after "
            f"{_title(chains[longer].layers[depth])} with "
            f"{_title(chains[longer].layers[depth + 1])}, {shorter} ends with "
            f"{_title(chains[shorter].layers[depth])}; give both the same number of layers"
        )


def _check_pair(task_a: str, a: Layer, task_b: str, b: Layer) -> None:
    if (a.geometry is None) != (b.geometry is None):
        raise _mismatch(task_a, a, task_b, b, "be of one kind")
    if a.geometry != b.geometry:
        raise _mismatch(task_a, a, task_b, b, "have the same kernel, stride, padding, dilation")
    if a.columns != b.columns:
        raise _mismatch(task_a, a, task_b, b, "have as many flattened positions per channel")
    if a.ops != b.ops:
        raise BadInput(
            f"networks do not align: {a.name!r} of {task_a} is followed by {_ops(a.ops)}, "
            f"{b.name!r} of {task_b} by {_ops(b.ops)}; what follows hidden layers must be the same"
        )


def _mismatch(task_a: str, a: Layer, task_b: str, b: Layer, must: str) -> BadInput:
    return BadInput(
        f"networks do not align: {a.name!r} of {task_a} is {a.describe()}, "
        f"{b.name!r} of {task_b} is {b.describe()}; hidden layers must {must}"
    )


def _title(layer: Layer) -> str:
    return f"{layer.name!r} {layer.describe()}"


def _ops(ops: tuple[Op, ...]) -> str:
    return ", ".join(op.describe() for op in ops) or "nothing"
