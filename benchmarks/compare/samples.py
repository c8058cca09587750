"""Figures of samples that need no test: effect size and outliers."""

import numpy as np
from numpy.typing import NDArray

_FENCE = 3.0
"""Tukey's outer fences (Exploratory Data Analysis, 1977): so many quartile distances away."""


def cliffs_delta(reference: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """P(other > reference) − P(other < reference) (Cliff 1993, Psychol. Bull. 114): −1 to 1."""
    ordered = np.sort(reference, axis=None)
    values = np.asarray(other).reshape(-1)
    below = np.searchsorted(ordered, values, side="left").sum()
    above = (len(ordered) - np.searchsorted(ordered, values, side="right")).sum()
    return float(below - above) / (len(ordered) * len(values))


def count_outliers(values: NDArray[np.float64]) -> int:
    """Samples more than three quartile distances outside the quartiles."""
    low, high = np.percentile(values, [25, 75])
    reach = _FENCE * (high - low)
    return int(((values < low - reach) | (values > high + reach)).sum())
