"""Whether a figure became another tonight: one night far off, or a few that are all a little off.

What is suspicious is measured again, and judged by the new sessions alone: the chance of a false
alarm is the product of both, and nothing of it rests on the sample that raised the suspicion.

A value is the logarithm of a ratio to the reference of the same session. Level and spread are those
of the nights since the last change, at most WINDOW of them: their median, and their standard
deviation or the error of tonight's own samples, whichever is more. A bad night so makes the next
ones quieter, never louder.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from scipy.special import stdtr

from taskzip.benchmarks.compare.holm import holm
from taskzip.benchmarks.history.changepoints import change_points

WINDOW = 30
"""Nights that are looked back on."""
LEARNING = 5
"""Nights before anything is judged."""
RECENT = 3
"""A change of the level is news for so many nights."""
SUSPICION = 0.02
"""So unlikely is a suspicious night, figure by figure."""
CONFIRMED = 0.01
"""So unlikely are the sessions after it, corrected for all suspicious figures of the night."""
NEWS = 0.01
"""So unlikely is a change of the level that is suspicious, figure by figure."""
SETTLED = 0.001
"""So unlikely is a change of the level before which nothing counts any more."""


@dataclass(frozen=True)
class Past:
    """A figure's nights before tonight, and what is known of it."""

    values: tuple[float, ...]
    least: float
    """Changes up to this size are none of anybody's business."""
    error: float
    """Standard error of tonight's value, from its own samples."""


@dataclass(frozen=True)
class Suspicion:
    """Why a figure is to be measured again."""

    shift: float
    """From the level before: of tonight, or of the recent nights together."""
    p: float
    nights: int
    """How many nights it is old; 1: tonight's."""


def suspicion_of(past: Past, tonight: float) -> Suspicion | None:
    """None where tonight's value is like those before it."""
    shift, p = far_off(past, tonight)
    if p <= SUSPICION and abs(shift) > past.least:
        return Suspicion(shift, p, 1)
    return _changed_level(past, tonight)


def confirmed(
    suspects: Sequence[tuple[Past, Suspicion]], again: Sequence[Sequence[float]]
) -> list[float | None]:
    """The shift of each suspect whose new sessions alone show it as well, else None.

    `again` are the values of each suspect, of the sessions in which it was valid.
    """
    found = [
        _by_new_sessions(past, suspicion, values)
        for (past, suspicion), values in zip(suspects, again, strict=True)
    ]
    corrected = holm([p for _, p in found])
    return [
        shift
        if p <= CONFIRMED and shift * suspicion.shift > 0 and abs(shift) > past.least
        else None
        for (past, suspicion), (shift, _), p in zip(suspects, found, corrected, strict=True)
    ]


def far_off(past: Past, tonight: float, sessions: int = 1) -> tuple[float, float]:
    """How far from the level, and how likely so far off, either way, by chance.

    `sessions` is how many sessions `tonight` is the mean of.
    """
    values = _settled(past.values)
    if len(values) < LEARNING:
        return 0.0, 1.0
    level = float(np.median(values))
    of_one = max(float(np.var(values, ddof=1)), past.error**2) + (past.least / 3) ** 2
    spread = sqrt(of_one * (1 / sessions + 1 / len(values)))
    shift = tonight - level
    return shift, 2 * float(stdtr(len(values) - 1, -abs(shift) / spread))


def _by_new_sessions(
    past: Past, suspicion: Suspicion, values: Sequence[float]
) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    older = past.values[: len(past.values) - suspicion.nights + 1]
    return far_off(replace(past, values=older), float(np.mean(values)), len(values))


def _changed_level(past: Past, tonight: float) -> Suspicion | None:
    values = np.array([*past.values[-WINDOW:], tonight])
    if len(values) < LEARNING + RECENT:
        return None
    level = float(np.median(values[:-RECENT]))
    if all(abs(np.median(values[-n:]) - level) <= past.least for n in range(2, RECENT + 1)):
        return None
    for point in change_points(values.tolist(), NEWS):
        shift = float(np.median(values[point.index :]) - np.median(values[: point.index]))
        if point.index >= len(values) - RECENT and abs(shift) > past.least:
            return Suspicion(shift, point.p, len(values) - point.index)
    return None


def _settled(values: Sequence[float]) -> np.ndarray:
    """The nights since the last change of the level."""
    window = np.asarray(values[-WINDOW:], dtype=np.float64)
    points = change_points(window.tolist(), SETTLED)
    return window[points[-1].index :] if points else window
