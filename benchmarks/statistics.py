"""Medians, bootstrap intervals, and what may be said of a ratio.

Shapes: `(n,)` one sample per unit, or `(n, k)` k samples that belong to one unit (the steady
inferences after a switch). Units are what is drawn anew; samples of a unit stay together. The
intervals are percentile bootstrap intervals (Efron 1979) of the median; the generator is seeded,
so the same samples always give the same interval.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from taskzip.contracts.report import Verdict

RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 0
EQUIVALENT_WITHIN = 0.05
"""Ratios whose whole interval is within 5 % of 1 are called equivalent: nobody feels less."""
SHORTEST_NS = 52
"""One tick of a 19.2 MHz counter, the coarsest usual on ARM; the emulated device's has 16 ns.

A duration below one tick reads as 0. As a divisor it is taken as one such tick, which can only
make the joint network look slower than it is.
"""
_CHUNK = 1_000
"""Resamples drawn at once; bounds the memory that long sample lists take."""

Samples = Sequence[float] | Sequence[Sequence[float]] | NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; of a single sample the interval has no width."""

    value: float
    low: float
    high: float


def median(samples: Samples) -> Estimate:
    """The median of all samples, each a unit of its own; ValueError if there is none."""
    ordered = np.sort(_units(samples), axis=None)
    lower, upper = _middle_ranks(len(ordered))
    return _estimate(float(np.median(ordered)), (ordered[lower] + ordered[upper]) / 2)


def ratio_of_medians(
    numerator: Samples, denominator: Samples, *, paired: bool, shortest: float = 0.0
) -> Estimate:
    """median(numerator) / median(denominator); ValueError if a side is empty.

    With `paired`, unit i of both sides was taken under the same circumstances (the same step of
    the same sequence) and both are drawn together; else each side is drawn on its own. Divisors
    below `shortest` are taken as `shortest`.
    """
    above, below = _units(numerator), _units(denominator)
    if paired and len(above) != len(below):
        raise ValueError(f"paired samples differ in number: {len(above)} and {len(below)}")
    lower = _draws(len(above)) if paired else _draws(len(below), seed=SEED + 1)
    draws = [
        _medians(above, i) / np.maximum(_medians(below, i if paired else j), shortest)
        for i, j in zip(_draws(len(above)), lower, strict=True)
    ]
    value = np.median(above) / max(float(np.median(below)), shortest)
    return _estimate(float(value), np.concatenate(draws))


def judge(ratio: Estimate, below: Verdict, above: Verdict) -> Verdict:
    """What a ratio says: `below` if it lies under 1, `above` if over, else equivalent or open.

    Equivalent when the whole interval is within 5 % of 1, even where it leaves out 1 itself.
    """
    if ratio.low >= 1 - EQUIVALENT_WITHIN and ratio.high <= 1 + EQUIVALENT_WITHIN:
        return "equivalent"
    if ratio.high < 1:
        return below
    if ratio.low > 1:
        return above
    return "undecided"


def _units(samples: Samples) -> NDArray[np.float64]:
    """Samples as `(n, k)`."""
    array = np.asarray(samples, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no samples")
    return array.reshape(len(array), -1)


def _draws(units: int, seed: int = SEED) -> Iterator[NDArray[np.int64]]:
    """RESAMPLES rows of unit indexes in chunks `(_CHUNK, units)`."""
    generator = np.random.default_rng(seed)
    for _ in range(RESAMPLES // _CHUNK):
        yield generator.integers(units, size=(_CHUNK, units))


@cache
def _middle_ranks(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ranks whose mean is the median of each resample of `count` sorted samples."""
    middle = [(count - 1) // 2, count // 2]
    ranks = [np.partition(index, middle, axis=1)[:, middle] for index in _draws(count)]
    lower, upper = np.concatenate(ranks).T
    return lower, upper


def _medians(units: NDArray[np.float64], index: NDArray[np.int64]) -> NDArray[np.float64]:
    """The median of each resample, `(rows,)`."""
    drawn = units[index].reshape(len(index), -1)
    middle = [(drawn.shape[1] - 1) // 2, drawn.shape[1] // 2]
    return np.asarray(np.partition(drawn, middle, axis=1)[:, middle].mean(axis=1))


def _estimate(value: float, draws: NDArray[np.float64]) -> Estimate:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(draws, [tail, 100 - tail])
    return Estimate(value, float(low), float(high))
