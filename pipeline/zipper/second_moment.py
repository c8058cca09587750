"""The second moment H of a layer's inputs: the Hessian of its squared error before activation.

Letters: P inputs with the bias's constant 1 last, R rows (one input of the layer each), N neurons.

H = (α/n) Σ x xᵀ + δI (He et al. 2018, eq. 4-6; the layer Hessian of Dong et al. 2017). Where there
are fewer rows than inputs, H is their low rank and δI, and P × P numbers are never formed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from taskzip.pipeline.zipper.gram import slices

SMALLEST_DAMPING = 1e-10
"""Of the mean diagonal; the rounding of a float64 Gram matrix of 10,000 inputs stays below it."""
DAMPING_OF_NOTHING = 1e-12
"""δ where no input is ever alive: far below any live task's H, so that the live one decides."""
NEURONS_AT_ONCE = 1024
BLOCK_BYTES = 32 << 20
"""Weights are widened to float64 in blocks of at most so many neurons and bytes."""


@dataclass(frozen=True, eq=False)
class SecondMoment:
    """H (P, P) of one task, or of several added, stored whole or as rows.

    H = Mᵀ diag(scale) M + δI with the rows M (R, P), or H = scale · M + δI with M (P, P). Results
    have the dtype of the weights given; sums run in float64.
    """

    stored: torch.Tensor
    """The rows (R, P), float32 or float64, or the undamped matrix (P, P), float64."""
    scale: torch.Tensor
    """What each row counts (R,), or what the matrix is multiplied by (), float64."""
    damping: float = 0.0
    """δ."""

    @classmethod
    def of_matrix(cls, matrix: torch.Tensor) -> "SecondMoment":
        """H given whole: (P, P), symmetric, float64."""
        return cls(matrix, torch.ones((), dtype=torch.float64))

    @classmethod
    def of_rows(cls, rows: torch.Tensor, count: int) -> "SecondMoment":
        """H = rowsᵀ rows / `count`, rows (R, P) with R < P; they are kept, not copied."""
        return cls(rows, torch.full((len(rows),), 1 / count, dtype=torch.float64))

    @property
    def is_rows(self) -> bool:
        """Whether H is stored as rows."""
        return self.scale.ndim == 1

    @property
    def size(self) -> int:
        """P."""
        return self.stored.shape[1]

    @property
    def mean_diagonal(self) -> float:
        """The mean square of an input, δ included."""
        return float(self._diagonal().mean()) + self.damping

    @property
    def diagonal(self) -> torch.Tensor:
        """The mean square of each input (P,), float64, δ included."""
        return self._diagonal() + self.damping

    @property
    def dead_inputs(self) -> int:
        """How many inputs are 0 in all rows; without damping H would be singular for each."""
        return int((self._diagonal() == 0).sum())

    def times(self, weights: torch.Tensor) -> torch.Tensor:
        """W H (N, P) for W (N, P)."""
        return torch.cat([self._times(part).to(weights.dtype) for part in in_blocks(weights)])

    def power(self, weights: torch.Tensor) -> torch.Tensor:
        """wᵀ H w (N,) for each row of W (N, P), float64, never negative."""
        parts = [self._power(part) for part in in_blocks(weights)]
        return torch.cat(parts).clamp(min=0)

    def at(self, columns: torch.Tensor) -> "SecondMoment":
        """H of these inputs alone, in this order: (len(columns), len(columns))."""
        stored = self.stored if self.is_rows else self.stored[columns]
        return replace(self, stored=stored[:, columns])

    def damped(self, fraction: float) -> "SecondMoment":
        """H + δI, δ = `fraction` of the mean diagonal: positive definite also for dead inputs."""
        return replace(self, damping=self.damping + ridge_of(self, fraction))

    def centred(self) -> "SecondMoment":
        """E[(x − E x)(x − E x)ᵀ]: H where the last input, the bias's constant, is free.

        wᵀ H w less what a shift of its own would take away; δ stays.
        """
        if self.is_rows:
            rows = self.stored.double()
            mean = self.scale @ rows / self.scale.sum()
            return replace(self, stored=(rows - mean).to(self.stored.dtype))
        last = self.stored[-1]
        return replace(self, stored=self.stored - torch.outer(last, last) / last[-1])

    def thinned(self, rows: int) -> "SecondMoment":
        """An estimate from at most `rows` rows, evenly spread; H itself where it is whole."""
        step = -(-len(self.stored) // rows)
        if not self.is_rows or step == 1:
            return self
        scale = self.scale[::step]
        return replace(
            self, stored=self.stored[::step], scale=scale * (self.scale.sum() / scale.sum())
        )

    def scaled(self, alpha: float) -> "SecondMoment":
        """α H: the task counts α times, its damping too."""
        return replace(self, scale=self.scale * alpha, damping=self.damping * alpha)

    def whole(self) -> torch.Tensor:
        """H itself (P, P), float64, δ included; 8 · P² bytes, newly allocated."""
        matrix = self.undamped()
        matrix.diagonal().add_(self.damping)
        return matrix

    def undamped(self) -> torch.Tensor:
        """H − δI (P, P), float64, newly allocated."""
        if self.is_rows:
            rows = self.stored.double()
            return (rows * self.scale[:, None]).T @ rows
        return self.stored * self.scale

    def weighted_rows(self) -> torch.Tensor:
        """X (R, P), float64, with H = Xᵀ X + δI; only where H is stored as rows."""
        return self.stored.double() * self.scale.sqrt()[:, None]

    def _times(self, weights: torch.Tensor) -> torch.Tensor:
        if self.is_rows:
            rows = self.stored.double()
            product = (weights @ rows.T * self.scale) @ rows
        else:
            product = weights @ self.stored * self.scale
        return product.add_(weights, alpha=self.damping)

    def _power(self, weights: torch.Tensor) -> torch.Tensor:
        if self.is_rows:
            seen = (weights @ self.stored.double().T).square_() @ self.scale
            return seen + self.damping * weights.square().sum(1)
        return (self._times(weights) * weights).sum(1)

    def _diagonal(self) -> torch.Tensor:
        if self.is_rows:
            return self.scale @ self.stored.double().square()
        return self.stored.diagonal() * self.scale


def ridge_of(moment: SecondMoment, fraction: float) -> float:
    """`fraction` of the mean diagonal, but never so small that H plus it cannot be factored."""
    return max(fraction, SMALLEST_DAMPING) * moment.mean_diagonal or DAMPING_OF_NOTHING


def total(moments: Sequence[SecondMoment]) -> SecondMoment:
    """Σ_t H_t: all rows in one stack while they are fewer than the inputs, else whole."""
    damping = sum(each.damping for each in moments)
    if are_low_rank(moments):
        rows = torch.cat([each.stored for each in moments])
        return SecondMoment(rows, torch.cat([each.scale for each in moments]), damping)
    matrix = moments[0].undamped()
    for each in moments[1:]:
        matrix += each.undamped()
    return replace(SecondMoment.of_matrix(matrix), damping=damping)


def are_low_rank(moments: Sequence[SecondMoment]) -> bool:
    """Whether all are rows, together fewer than the inputs: the P × P sum need not be formed."""
    rows = sum(len(each.scale) for each in moments if each.is_rows)
    return all(each.is_rows for each in moments) and rows < moments[0].size


def in_blocks(weights: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the neurons (N, P) in parts of a bounded size, in float64."""
    return (weights[part].double() for part in blocks(weights))


def blocks(weights: torch.Tensor) -> Iterator[slice]:
    """The parts in which weights (N, P) are widened."""
    fitting = BLOCK_BYTES // (8 * weights.shape[1])
    return slices(len(weights), max(1, min(NEURONS_AT_ONCE, fitting)))
