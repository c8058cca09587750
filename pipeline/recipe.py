"""Recipes: weights as a sum of parts, which a file keeps once and a runtime puts together.

Letters: N outputs and C inputs of a layer (of one group), k elements of the kernel. Blocks and
values are of one type, float32, float16 or int8, and each step rounds what it computes to it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Copy:
    """Weights (n, c, k…) of some outputs for some inputs, from a row and a column on."""

    block: torch.Tensor
    row: int
    column: int


@dataclass(frozen=True)
class Add:
    """Values (m,) to add at places (m,): int64, counted in the weights (N, C, k…).

    int8 wraps around.
    """

    values: torch.Tensor
    places: torch.Tensor


@dataclass(frozen=True)
class Scale:
    """Factors (n,), float32, for all weights of the outputs from a row on.

    It is the last step of those outputs.
    """

    factors: torch.Tensor
    row: int


Step = Copy | Add | Scale


@dataclass(frozen=True)
class Recipe:
    """Weights of one shape: 0, then each step in its order."""

    shape: tuple[int, ...]
    """(N, C, k…)."""
    steps: tuple[Step, ...]

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        blocks = (step.block.dtype for step in self.steps if isinstance(step, Copy))
        return next(blocks, torch.float32)

    @torch.no_grad()
    def weights(self) -> torch.Tensor:
        """(N, C, k…), put together."""
        whole = torch.zeros(self.shape, dtype=self.dtype)
        for step in self.steps:
            _take(step, whole)
        return whole

    def parts(self) -> Iterator[torch.Tensor]:
        """What a file keeps of it; a place takes as much as a value."""
        for step in self.steps:
            if isinstance(step, Copy):
                yield step.block
            elif isinstance(step, Scale):
                yield step.factors
            else:
                yield from (step.values, step.places.to(torch.int32))


def moved_places(
    places: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, shape: tuple[int, ...]
) -> torch.Tensor:
    """Places counted in a block (n, c, k…) as places in the whole (N, C, k…) of that `shape`.

    The block's outputs are the whole's `rows` (n,), its inputs the `columns` (c,).
    """
    taps = math.prod(shape[2:])
    pixel, tap = places // taps, places % taps
    row, column = rows[pixel // len(columns)], columns[pixel % len(columns)]
    return (row * shape[1] + column) * taps + tap


def _take(step: Step, whole: torch.Tensor) -> None:
    if isinstance(step, Copy):
        rows, columns = step.block.shape[:2]
        whole[step.row : step.row + rows, step.column : step.column + columns] = step.block
    elif isinstance(step, Scale):
        part = whole[step.row : step.row + len(step.factors)]
        part.copy_(part * step.factors.reshape(-1, *[1] * (whole.dim() - 1)))
    else:
        whole.view(-1).index_add_(0, step.places, step.values)
