"""A merged layer's weights moved so that the next layer can still say what it said originally.

The refit solves what reads merged outputs; here the merged weights move too. The target is the
same, the task's original values before the next layer's activation; the problem is no longer
linear, so it takes small steps. There are no labels, and nothing deeper than one layer.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from taskzip.pipeline.zipper.masks import KeptZeros
from taskzip.pipeline.zipper.stream import Pair

_RATE = 0.03
"""First step of Adam in units of a layer's root mean square weight; it falls to 0 by a cosine."""

_MEASURED_PARTS = 8
"""Parts of each task's data on which the result is compared with the start."""


@dataclass(frozen=True)
class Side:
    """One task: the layer's inputs, and the way from there to the next layer's outputs."""

    inputs: Iterable[Pair]
    original: nn.Module
    merged: nn.Module
    """Holds the joint network's own modules, and a copy of the next layer for their order."""
    weight: float = 1.0
    """α: what its error is multiplied by."""


def reconstruct(sides: Sequence[Side], steps: int) -> None:
    """Minimise Σ_t α_t E‖merged(x̃) − original(x)‖² / E‖original(x)‖² over the merged weights.

    Each step takes one part of every task's data, in its order, and begins again at its end.
    Zeros of pruned layers stay zeros. The weights stay as they were unless the sum falls, measured
    on the first parts.
    """
    if steps == 0:
        return
    parameters = _parameters(sides)
    before = [parameter.detach().clone() for parameter in parameters]
    error = _error(sides)
    _descend(sides, steps)
    if not _error(sides) < error:
        for parameter, value in zip(parameters, before, strict=True):
            parameter.data.copy_(value)


def _descend(sides: Sequence[Side], steps: int) -> None:
    optimizer = torch.optim.Adam(_groups(sides))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    sources = [_endless(side.inputs) for side in sides]
    zeros = KeptZeros(_parameters(sides))
    for _ in range(steps):
        optimizer.zero_grad()
        for side, source in zip(sides, sources, strict=True):
            with torch.enable_grad():
                loss = side.weight * _relative_error(side, *next(source))
            loss.backward()
        optimizer.step()
        zeros.restore()
        schedule.step()


@torch.no_grad()
def _error(sides: Sequence[Side]) -> float:
    return sum(
        side.weight * float(_relative_error(side, *pair)) / _MEASURED_PARTS
        for side in sides
        for pair in itertools.islice(_endless(side.inputs), _MEASURED_PARTS)
    )


def _relative_error(side: Side, original: torch.Tensor, merged: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        target = side.original(original)
    error = (side.merged(merged) - target).square().mean()
    return error / target.square().mean().clamp(min=torch.finfo(torch.float32).tiny)


def _groups(sides: Sequence[Side]) -> list[dict[str, object]]:
    return [
        {"params": list(each.parameters()), "lr": _RATE * _rms(next(each.parameters()))}
        for each in _weighted(sides)
    ]


def _parameters(sides: Sequence[Side]) -> list[nn.Parameter]:
    return [parameter for each in _weighted(sides) for parameter in each.parameters()]


def _weighted(sides: Sequence[Side]) -> list[nn.Module]:
    """Each module with weights of its own once, though several sides hold it."""
    modules = (module for side in sides for module in side.merged.modules())
    return list(
        dict.fromkeys(m for m in modules if next(m.parameters(recurse=False), None) is not None)
    )


def _rms(weight: torch.Tensor) -> float:
    return float(weight.detach().square().mean().sqrt())


def _endless(pairs: Iterable[Pair]) -> Iterator[Pair]:
    while True:
        yield from pairs
