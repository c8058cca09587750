"""Second moments of a layer's inputs and outputs, streamed over calibration data in one pass.

Letters: R rows (one of each image, or image and position), N outputs of the layer before
activation, P inputs with the constant 1 last.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from taskzip.pipeline.zipper.finite import INPUT, OUTPUT, check_finite
from taskzip.pipeline.zipper.gram import add_columns, mirror
from taskzip.pipeline.zipper.reservoir import Reservoir
from taskzip.pipeline.zipper.ridge import solve_rows, solve_whole
from taskzip.pipeline.zipper.second_moment import SecondMoment, ridge_of

Part = tuple[torch.Tensor, torch.Tensor]

LIMIT_BYTES = 1 << 30
"""Of what is kept of one layer's inputs; where a P × P matrix is more, it is rows."""
ROWS_AT_ONCE = 2048
"""Rows are summed in blocks: below about 1,000, adding to the sums costs more than the product."""


@dataclass(frozen=True, eq=False)
class Moments:
    """What a layer's weights have to reproduce, and from which inputs."""

    inputs: SecondMoment
    """H of x̃, the inputs that the layer will really get; undamped."""
    outputs: torch.Tensor
    """Of z, what the layer gave originally: E[z x̃ᵀ] (N, P) float64 where `inputs` is whole, or z
    itself (R, N) where it is rows."""
    target_power: torch.Tensor
    """E z² (N,), float64."""

    @property
    def dead_inputs(self) -> int:
        """How many inputs are 0 in all rows."""
        return self.inputs.dead_inputs

    @property
    def size(self) -> int:
        """P."""
        return self.inputs.size

    def damping(self, fraction: float) -> float:
        """δ, `fraction` of the mean diagonal of H."""
        return ridge_of(self.inputs, fraction)

    def refit(self, weights: torch.Tensor, ridge: float) -> torch.Tensor:
        """argmin_W E‖W x̃ − z‖² + λ‖W − c W_t‖² (N, P); λ = `ridge` · mean diagonal of H.

        c is the number with the least E‖c W_t x̃ − z‖².
        """
        penalty = ridge_of(self.inputs, ridge)
        if self.inputs.is_rows:
            return solve_rows(weights, self.inputs.weighted_rows(), self._wanted(), penalty)
        return solve_whole(weights, self.inputs.undamped(), self.outputs, penalty)

    def residual_power(self, weights: torch.Tensor) -> torch.Tensor:
        """E (w x̃ − z)² (N,), float64, for each row w of W (N, P)."""
        wide = weights.double()
        if self.inputs.is_rows:
            got = self.inputs.weighted_rows() @ wide.T
            return got.sub_(self._wanted()).square_().sum(0)
        crossed = (wide * self.outputs).sum(1)
        return (self.inputs.power(wide) - 2 * crossed + self.target_power).clamp(min=0)

    def _wanted(self) -> torch.Tensor:
        return self.outputs.double() * self.inputs.scale.sqrt()[:, None]


def gather(rows: Iterable[Part], size: int, *, limit_bytes: int = LIMIT_BYTES) -> Moments:
    """Take z (R, N) and x̃ (R, P = `size`) in parts, and return their moments.

    Parts are kept as they come, and must not change, until their rows number P; then they are
    folded into the sums E[x̃ x̃ᵀ] and E[z x̃ᵀ], 8 · P · (P + N) bytes. Where a P × P matrix is more
    than `limit_bytes`, a uniform sample of the rows is kept instead: so many that they, and the
    Gram matrix of two tasks' rows, have at most `limit_bytes` each. Raises NotFinite for a number
    that is not, ValueError for no rows.
    """
    gathering = _Gathering(size, limit_bytes)
    for outputs, inputs in rows:
        gathering.add(outputs, inputs)
    return gathering.moments()


class _Gathering:
    """Keeps parts until it is known whether sums or a sample are wanted."""

    def __init__(self, size: int, limit_bytes: int) -> None:
        self._size = size
        self._limit_bytes = limit_bytes
        self._fits = 8 * size**2 <= limit_bytes
        self._seen = 0
        self._waiting: list[Part] = []
        self._waiting_rows = 0
        self._sums: _Sums | None = None
        self._sample: Reservoir | None = None

    def add(self, outputs: torch.Tensor, inputs: torch.Tensor) -> None:
        check_finite(INPUT, inputs, self._seen)
        check_finite(OUTPUT, outputs, self._seen)
        self._seen += len(inputs)
        self._waiting.append((outputs, inputs))
        self._waiting_rows += len(inputs)
        if not self._fits:
            self._into_sample()
        elif self._waiting_rows >= (ROWS_AT_ONCE if self._sums else self._size):
            self._into_sums()

    def moments(self) -> Moments:
        if self._seen == 0:
            raise ValueError("no rows were given")
        if self._sums is not None:
            if self._waiting:
                self._into_sums()
            return self._sums.means(self._seen)
        outputs, inputs = self._sample.rows() if self._sample else self._joined()
        power = outputs.double().square().mean(0)
        return Moments(SecondMoment.of_rows(inputs, len(inputs)), outputs, power)

    def _into_sums(self) -> None:
        outputs, inputs = self._joined()
        self._sums = self._sums or _Sums(outputs.shape[1], self._size)
        for block in zip(outputs.split(ROWS_AT_ONCE), inputs.split(ROWS_AT_ONCE), strict=True):
            self._sums.add(*block)
        self._forget()

    def _into_sample(self) -> None:
        outputs, inputs = self._joined()
        row_bytes = sum(each.element_size() * each.shape[1] for each in (outputs, inputs))
        self._sample = self._sample or Reservoir(self._capacity(row_bytes))
        self._sample.add((outputs, inputs))
        self._forget()

    def _capacity(self, row_bytes: int) -> int:
        gram_of_two = math.isqrt(self._limit_bytes // 8) // 2
        return max(1, min(self._size - 1, self._limit_bytes // row_bytes, gram_of_two))

    def _joined(self) -> Sequence[torch.Tensor]:
        return [torch.cat(parts) for parts in zip(*self._waiting, strict=True)]

    def _forget(self) -> None:
        self._waiting, self._waiting_rows = [], 0


class _Sums:
    """Σ x̃ x̃ᵀ, Σ z x̃ᵀ and Σ z², in float64.

    A float32 product of each block would be no faster than this half of a float64 one, and the
    refit takes the difference of W Σ x̃ x̃ᵀ and Σ z x̃ᵀ, which rounding would fill.
    """

    def __init__(self, outputs: int, size: int) -> None:
        self._inputs = torch.zeros(size, size, dtype=torch.float64)
        self._cross = torch.zeros(outputs, size, dtype=torch.float64)
        self._power = torch.zeros(outputs, dtype=torch.float64)

    def add(self, outputs: torch.Tensor, inputs: torch.Tensor) -> None:
        """Both have R rows."""
        targets, rows = outputs.double(), inputs.double()
        add_columns(self._inputs, rows)
        self._cross.addmm_(targets.T, rows)
        self._power += targets.square().sum(0)

    def means(self, count: int) -> Moments:
        """Divide by `count` rows; nothing can be added afterwards."""
        matrix = SecondMoment.of_matrix(mirror(self._inputs).div_(count))
        return Moments(matrix, self._cross.div_(count), self._power / count)
