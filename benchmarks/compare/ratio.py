"""What may be said of a ratio of medians: interval, tests, and how many samples would decide.

The logarithm of the ratio, over its bootstrap standard error, is held against Student's t.
Equivalence is two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15): each bound
is rejected on its own; one of them alone says "not slower than x %".
"""

from dataclasses import dataclass
from math import ceil, exp, inf, log, log1p

from scipy.special import ndtri, stdtr, stdtrit

from taskzip.benchmarks.statistics import CONFIDENCE, Estimate
from taskzip.benchmarks.validity import MIN_SAMPLES
from taskzip.contracts.sidebyside import Level, Need

ALPHA = 1 - CONFIDENCE
POWER = 0.8
_NEVER = 1e6
"""Whoever would have to measure a million times as long is told that no number of samples does."""


@dataclass(frozen=True)
class Ratio:
    """The natural logarithm of a ratio, its standard error and degrees of freedom."""

    log: float
    standard_error: float
    degrees_of_freedom: float = inf

    @property
    def estimate(self) -> Estimate:
        """The ratio with its interval."""
        reach = 0.0
        if self.standard_error:
            reach = self.standard_error * float(stdtrit(self.degrees_of_freedom, 1 - ALPHA / 2))
        return Estimate(exp(self.log), _exp(self.log - reach), _exp(self.log + reach))

    def p_different(self) -> float:
        """Of a ratio this far from 1, either way, if it were 1."""
        return min(1.0, 2 * self._tail(-abs(self.log)))

    def p_below(self, bound: float) -> float:
        """Of a ratio this far below `bound` if it were `bound`: small says it is below."""
        return self._tail(self.log - log(bound))

    def p_within(self, margin: float) -> float:
        """Of two one-sided tests: small says that the ratio is within `margin` of 1."""
        if margin >= 1:
            return self.p_below(1 + margin)
        return max(self.p_below(1 + margin), self._tail(log1p(-margin) - self.log))

    def times_to_decide(self, margin: float, alpha: float) -> float:
        """How many times as many units decide with a power of 80 %, if the ratio is as measured.

        `alpha` is what the test of a difference is held to, after correction. Infinite where the
        ratio lies on the margin. Normal quantiles: the units meant are many.
        """
        above, below = log1p(margin) - self.log, self.log - _log_below(margin)
        distance, needed = min(above, below), ndtri(1 - ALPHA) + ndtri(POWER)
        if distance < 0:
            distance, needed = abs(self.log), ndtri(1 - alpha / 2) + ndtri(POWER)
        if self.standard_error == 0:
            return 0.0
        return inf if distance == 0 else float(needed * self.standard_error / distance) ** 2

    def _tail(self, distance: float) -> float:
        """One-sided: how likely the logarithm falls `distance` below a bound, and further."""
        if self.standard_error == 0:
            return float(distance >= 0)
        return float(stdtr(self.degrees_of_freedom, distance / self.standard_error))


def need(times: float, units: int, level: Level) -> Need | None:
    """What decides, if `times` as many as the `units` of a level do; None when no number does."""
    if times > _NEVER:
        return None
    least = MIN_SAMPLES if level == "sample" else 2
    return Need(count=max(least, ceil(times * units)), level=level)


def _log_below(margin: float) -> float:
    return log1p(-margin) if margin < 1 else -inf


def _exp(value: float) -> float:
    return exp(min(value, 700.0))
