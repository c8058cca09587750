"""Our detector and simple rules, each watching the same nights."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Protocol

import numpy as np

from taskzip.benchmarks.compare.levels import Taken, spread_of_ratio
from taskzip.benchmarks.detector_bars.phone import Draw, Sides
from taskzip.benchmarks.nightly.detector import WINDOW, Past, confirmed, suspicion_of
from taskzip.benchmarks.nightly.job import AGAIN

_LAST = 0.05
_PERCENTILE = 90
_SIGMAS = 3


class Rule(Protocol):
    """What looks at one night after the other."""

    title: str

    def alarms(self, draw: Draw, first: list[Sides], *, learns: bool) -> set[int]:
        """The figures that became slower; `first` is tonight's first session."""


def log_ratio(sides: Sides) -> float:
    """Of the medians, candidate / reference."""
    reference, candidate = (max(float(np.median(side)), 1.0) for side in sides)
    return log(candidate / reference)


@dataclass
class Ours:
    """What `deploy nightly` does; `learns` nights are remembered without being judged."""

    least: float
    tick_ns: int
    blocks: int = 1
    title: str = "deploy nightly"
    again: int = 0
    """Nights on which something was measured again."""
    _nights: list[list[float]] = field(default_factory=list)

    def alarms(self, draw: Draw, first: list[Sides], *, learns: bool) -> set[int]:
        values = [log_ratio(sides) for sides in first]
        found: set[int] = set()
        if not learns:
            pasts = [self._past(number, sides) for number, sides in enumerate(first)]
            suspicions = [suspicion_of(p, v) for p, v in zip(pasts, values, strict=True)]
            suspects = [(n, s) for n, s in enumerate(suspicions) if s is not None]
            if suspects:
                self.again += 1
                later = [[log_ratio(sides) for sides in draw()] for _ in range(AGAIN)]
                shifts = confirmed(
                    [(pasts[n], s) for n, s in suspects],
                    [[session[n] for session in later] for n, _ in suspects],
                )
                for (n, _), shift in zip(suspects, shifts, strict=True):
                    values[n] = float(np.mean([values[n], *(session[n] for session in later)]))
                    if shift is not None and shift > 0:
                        found.add(n)
        self._nights.append(values)
        return found

    def forget(self) -> None:
        """The last night never was."""
        self._nights.pop()

    def _past(self, number: int, sides: Sides) -> Past:
        reference, candidate = (self._taken(side) for side in sides)
        spread = spread_of_ratio(reference, candidate, self.tick_ns)
        least = max(self.least, (self.tick_ns + 1) / reference.median)
        return Past(tuple(night[number] for night in self._nights), least, sqrt(spread.variance))

    def _taken(self, side: np.ndarray) -> Taken:
        """The samples with their block and step."""
        n = len(side)
        blocks = tuple(index * self.blocks // n for index in range(n))
        steps = tuple((block, index, "") for index, block in enumerate(blocks))
        return Taken(side, (0,) * n, blocks, steps)


@dataclass
class LastNight:
    """More than 5 % above last night's median."""

    is_paired: bool
    title: str = "5 % above last night"
    _last: list[float] = field(default_factory=list)

    def alarms(self, _draw: Draw, first: list[Sides], *, learns: bool) -> set[int]:
        values = _values(first, self.is_paired)
        found = {
            n
            for n, (v, last) in enumerate(zip(values, self._last, strict=False))
            if v - last > log(1 + _LAST)
        }
        self._last = values
        return set() if learns else found


@dataclass
class OverPercentile:
    """The median is above the 90th percentile of last night's samples."""

    is_paired: bool = False
    title: str = "p50 over last night's p90"
    _last: list[float] = field(default_factory=list)

    def alarms(self, _draw: Draw, first: list[Sides], *, learns: bool) -> set[int]:
        found = {
            n
            for n, ((_, candidate), last) in enumerate(zip(first, self._last, strict=False))
            if float(np.median(candidate)) > last
        }
        self._last = [float(np.percentile(candidate, _PERCENTILE)) for _, candidate in first]
        return set() if learns else found


@dataclass
class ThreeSigma:
    """Above the mean of the last 30 nights by more than three standard deviations."""

    is_paired: bool
    title: str = "mean + 3 sigma of 30 nights"
    _nights: list[list[float]] = field(default_factory=list)

    def alarms(self, _draw: Draw, first: list[Sides], *, learns: bool) -> set[int]:
        values = _values(first, self.is_paired)
        past = np.array(self._nights[-WINDOW:])
        self._nights.append(values)
        if learns:
            return set()
        limits = past.mean(axis=0) + _SIGMAS * past.std(axis=0, ddof=1)
        return {n for n, value in enumerate(values) if value > limits[n]}


def _values(first: Sequence[Sides], is_paired: bool) -> list[float]:
    return [log_ratio(s) if is_paired else log(float(np.median(s[1]))) for s in first]
