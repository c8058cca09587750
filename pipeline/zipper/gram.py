"""Gram matrices of rows and of columns, half of each computed, the other half mirrored.

Letters: R rows, P inputs, N neurons.
"""

from collections.abc import Iterator

import torch

TILE = 1024
"""Columns of a tile; below about so many rows a tile costs more than its product."""


def add_columns(total: torch.Tensor, rows: torch.Tensor) -> None:
    """Add XᵀX of rows X (R, P) to the upper tiles of `total` (P, P), in place."""
    for part in slices(rows.shape[1], TILE):
        total[: part.stop, part].addmm_(rows[:, : part.stop].T, rows[:, part])


def mirror(total: torch.Tensor) -> torch.Tensor:
    """The same tensor, its upper tiles copied to the lower ones."""
    for part in slices(len(total), TILE):
        total[part, : part.start] = total[: part.start, part].T
    return total


def gram_factor(rows: torch.Tensor, damping: float) -> torch.Tensor:
    """The lower C (R, R) of CCᵀ = XXᵀ + δI, for rows X (R, P), float64."""
    total = rows.new_zeros(len(rows), len(rows))
    add_columns(total, rows.T)
    mirror(total).diagonal().add_(damping)
    return torch.linalg.cholesky(total)


def slices(length: int, size: int) -> Iterator[slice]:
    """Consecutive parts of `length`, at most `size` long; one at least, which may be empty."""
    return (slice(start, min(start + size, length)) for start in range(0, max(1, length), size))
