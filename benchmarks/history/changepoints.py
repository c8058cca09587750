"""Where a series changed its level: E-divisive (Matteson & James 2014, J. Am. Stat. Assoc. 109).

Two parts of a series differ by the energy distance of their values, which needs no assumption on
how these are distributed; the split with the largest is held against random orders of the same
values, and each part is looked at again. Performance tests of MongoDB (Daly et al. 2020, ICPE) and
Cassandra (Fleming et al. 2023, ICPE) are watched so. Orders are drawn until it is clear that the
split is not significant (Besag & Clifford 1991, Biometrika 78).

Shapes: n values, oldest first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LEAST = 2
"""Values that a part has at least."""
ALPHA = 0.01
"""A series that did not change shows a change in so many of cases."""
_ORDERS = 1_999
_ENOUGH = 20
"""So many random orders that divide as well settle that the split means nothing."""
_CHUNK, _CELLS = 100, 1 << 20
"""Orders looked at together, at most; distances held at once."""
_SEED = 0


@dataclass(frozen=True)
class ChangePoint:
    """From value `index` on the level is another."""

    index: int
    p: float
    """How often a random order of the same values divides as well."""


def change_points(values: Sequence[float], alpha: float = ALPHA) -> tuple[ChangePoint, ...]:
    """All changes of the level, in order; the same values always give the same."""
    found = _divide(np.asarray(values, dtype=np.float64), 0, alpha)
    return tuple(sorted(found, key=lambda point: point.index))


def divergences(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scaled energy distance of both parts, for a second part that begins at each of 0 … n − 1.

    The paper's sample divergence with α = 1; −∞ where a part would have fewer than LEAST values.
    """
    return np.asarray(_divergences(values[None, :])[0])


def _divide(values: NDArray[np.float64], start: int, alpha: float) -> Iterator[ChangePoint]:
    if len(values) < 2 * LEAST or np.ptp(values) == 0:
        return
    split = divergences(values)
    index = int(np.argmax(split))
    p = _p_value(values, float(split[index]), alpha)
    if p <= alpha:
        yield ChangePoint(start + index, p)
        yield from _divide(values[:index], start, alpha)
        yield from _divide(values[index:], start + index, alpha)


def _p_value(values: NDArray[np.float64], reached: float, alpha: float) -> float:
    """Of a largest divergence `reached`, among random orders of the values."""
    generator = np.random.default_rng([_SEED, len(values)])
    chunk = max(1, min(_CHUNK, _CELLS // len(values) ** 2))
    limit = reached * (1 - 1e-9)  # sums in another order round in another way
    as_good = drawn = 0
    while drawn < _ORDERS and as_good < _ENOUGH:
        orders = generator.permuted(np.tile(values, (chunk, 1)), axis=1)
        as_good += int((_divergences(orders).max(axis=1) >= limit).sum())
        drawn += chunk
    return (as_good + 1) / (drawn + 1)


def _divergences(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """`divergences` of each row, `(rows, n)`.

    Sums of |x − y| come from running sums over the distances, so that each costs n², not n³.
    """
    n = rows.shape[1]
    distances = np.abs(rows[:, :, None] - rows[:, None, :])
    before = np.cumsum(np.triu(distances, 1).sum(axis=1), axis=1)
    """Of all pairs within the first i + 1 values."""
    total = before[:, -1:]
    per_value = distances.sum(axis=2)
    first = np.concatenate([np.zeros((len(rows), 1)), before[:, :-1]], axis=1)
    between = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(per_value, axis=1)[:, :-1]], 1)
    between = between - 2 * first
    second = total - first - between
    i, pairs_first, pairs_second = _counts(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = 2 * between / (i * (n - i)) - first / pairs_first - second / pairs_second
        scaled = i * (n - i) / n * energy
    is_allowed = (i >= LEAST) & (i <= n - LEAST)
    return np.asarray(np.where(is_allowed, scaled, -np.inf))


@lru_cache(maxsize=8)
def _counts(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Values of the first part, and the pairs within each part, for every place to divide."""
    i = np.arange(n, dtype=np.float64)
    return i, i * (i - 1) / 2, (n - i) * (n - i - 1) / 2
