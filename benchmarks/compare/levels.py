"""How far a ratio of medians may be off: a bootstrap at every level of the hierarchy.

Samples lie in blocks, blocks in sessions. Each level's units are drawn anew with all that lies in
them, and the level with the widest spread counts: drawing inside the drawn units as well would
count the spread within them twice (Davison & Hinkley, Bootstrap Methods and their Application,
1997, §3.8). A bootstrap variance of m units is too small by (m − 1)/m, which is put right; that it
is itself uncertain is told by the degrees of freedom (Satterthwaite 1946).

Shapes: n units (switches), k samples that belong to one unit, m units of a level, r resamples.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from taskzip.benchmarks.measures import Step
from taskzip.contracts.sidebyside import Level

LEVELS: tuple[Level, ...] = ("sample", "block", "session")
RESAMPLES = 2_000
SEED = 0
_CELLS = 1 << 21
"""Weights held at once; bounds the memory that long sample lists take."""


@dataclass(frozen=True)
class Taken:
    """A side's samples of one figure: `(n, k)`, with the session and block of each unit."""

    values: NDArray[np.float64]
    sessions: tuple[int, ...]
    blocks: tuple[int, ...]
    steps: tuple[Step, ...] | None
    """The step of each unit; None where the source does not tell."""

    @property
    def median(self) -> float:
        """Of all samples."""
        return float(np.median(self.values))

    def units(self, level: Level) -> NDArray[np.integer]:
        """The number of the unit that each of the n belongs to, from 0."""
        if level == "session":
            return _numbered(self.sessions)
        if level == "block":
            return _numbered(list(zip(self.sessions, self.blocks, strict=True)))
        return np.arange(len(self.values))

    def count(self, level: Level) -> int:
        """How many units the level has."""
        return int(self.units(level).max()) + 1


@dataclass(frozen=True)
class Spread:
    """Variance of the logarithm of a ratio, how well it is known, and which level it is of."""

    variance: float
    degrees_of_freedom: float
    level: Level


def are_paired(one: Taken, other: Taken) -> bool:
    """Whether every session of both took the same steps."""
    if one.steps is None or other.steps is None:
        return False
    walks = {walk for side in (one, other) for walk in _walks(side)}
    return len(walks) == 1


def spread_of_ratio(reference: Taken, other: Taken, shortest: float) -> Spread:
    """Of log(median other / median reference); medians below `shortest` count as `shortest`."""
    paired = are_paired(reference, other)
    variance, parts, widest = 0.0, 0.0, LEVELS[0]
    for level in _levels(reference, other):
        joint = paired and level != "session"
        value, freedom = (_together if joint else _apart)(reference, other, level, shortest)
        if value > variance:
            parts += (value - variance) ** 2 / freedom
            variance, widest = value, level
    return Spread(variance, variance**2 / parts if parts else np.inf, widest)


def _levels(*sides: Taken) -> tuple[Level, ...]:
    """The levels; without blocks where every session is one block."""
    if all(side.count("block") == side.count("session") for side in sides):
        return "sample", "session"
    return LEVELS


def _together(one: Taken, other: Taken, level: Level, shortest: float) -> tuple[float, float]:
    """Variance and freedom when steps, or blocks, are drawn for both sides at once."""
    at = 0 if level == "block" else slice(None)
    keys = [[step[at] for step in side.steps or ()] for side in (one, other)]
    number = {key: index for index, key in enumerate(dict.fromkeys(keys[0]))}
    if len(number) == 1:
        return 0.0, 1.0
    draws = _draws(len(number), SEED)
    logs = [
        _log_medians(side.values, draws, np.array([number[key] for key in names]), shortest)
        for side, names in zip((one, other), keys, strict=True)
    ]
    return _unbiased(logs[1] - logs[0], len(number)), len(number) - 1


def _apart(one: Taken, other: Taken, level: Level, shortest: float) -> tuple[float, float]:
    """The sum of both sides' variances; their freedom joined after Welch and Satterthwaite."""
    total, parts = 0.0, 0.0
    for seed, side in enumerate((one, other), start=SEED + 1):
        units = side.units(level)
        m = side.count(level)
        if m > 1:
            variance = _unbiased(_log_medians(side.values, _draws(m, seed), units, shortest), m)
            total += variance
            parts += variance**2 / (m - 1)
    return total, total**2 / parts if parts else 1.0


def _unbiased(draws: NDArray[np.float64], m: int) -> float:
    """Without the rounding that would be a spread of equal draws."""
    return float(np.var(draws - draws[0])) * m / (m - 1)


def _log_medians(
    values: NDArray[np.float64],
    draws: NDArray[np.integer],
    units: NDArray[np.integer],
    shortest: float,
) -> NDArray[np.float64]:
    """Log median of each resample, `(r,)`; `draws` `(r, m)` says how often a unit was drawn."""
    order = np.argsort(values, axis=None, kind="stable")
    ordered = values.reshape(-1)[order]
    owner = np.repeat(units, values.shape[1])[order]
    rows = max(1, _CELLS // len(ordered))
    medians = [
        _weighted_medians(ordered, draws[start : start + rows, owner])
        for start in range(0, len(draws), rows)
    ]
    return np.asarray(np.log(np.maximum(np.concatenate(medians), shortest)))


def _weighted_medians(
    ordered: NDArray[np.float64], weights: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Medians of samples that occur as often as their weights say, row by row."""
    reached = np.cumsum(weights, axis=1, dtype=np.int32)
    total = reached[:, -1:]
    lower = np.count_nonzero(reached <= (total - 1) // 2, axis=1)
    upper = np.count_nonzero(reached <= total // 2, axis=1)
    return np.asarray((ordered[lower] + ordered[upper]) / 2)


@lru_cache(maxsize=16)
def _draws(m: int, seed: int) -> NDArray[np.integer]:
    """How often each of m units is drawn in each resample, `(r, m)`."""
    generator = np.random.default_rng([seed, m])
    drawn = generator.multinomial(m, np.full(m, 1 / m), size=RESAMPLES)
    return np.asarray(drawn.astype(np.int32))


def _numbered(names: Sequence[Hashable]) -> NDArray[np.integer]:
    number = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names])


def _walks(side: Taken) -> list[tuple[Step, ...]]:
    """The steps of each session, in order."""
    steps = side.steps or ()
    return [
        tuple(sorted(s for s, owner in zip(steps, side.sessions, strict=True) if owner == session))
        for session in dict.fromkeys(side.sessions)
    ]
