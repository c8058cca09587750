"""Correction for many tests at once."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected probabilities, in order (Holm 1979, Scand. J. Statist. 6, 65–70).

    Among all tests whose corrected value is at most α the chance of any false one is at most α,
    however the tests depend on each other.
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
