"""Months of nights watched by every rule."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from taskzip.benchmarks.detector_bars.phone import Draw, Slower
from taskzip.benchmarks.detector_bars.rules import Rule
from taskzip.contracts.document import Document
from taskzip.contracts.names import Count

MONTH, LEARNING, WITHIN = 30, 10, 3
"""Nights: judged without a change, before them, and to find a change in."""
SHIFTS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)
FOUND = 0.8
"""A shift is found when so many of the trials find it."""


class Source(Protocol):
    """Nights, one after the other."""

    def next_night(self, slower: Slower) -> Draw:
        """Sessions of the next night."""


MakeSource = Callable[[np.random.Generator], Source]
MakeRules = Callable[[], Sequence[Rule]]


class Watched(Document):
    """What became of a rule."""

    rule: str
    is_paired: bool
    months: Count
    false_nights_per_month: float
    """Nights of thirty with an alarm, though nothing changed."""
    smallest_shift: float | None
    """Found within three nights in 80 % of the trials; None: none, or chance finds as much."""
    chance: float
    """How often a row alarms within three nights though nothing changed: what finding is worth."""


def watch(
    make_source: MakeSource, make_rules: MakeRules, months: int, trials: int
) -> tuple[Watched, ...]:
    """Every rule on the same nights."""
    false = _false_alarms(make_source, make_rules, months)
    hits = {shift: _hits(make_source, make_rules, shift, trials) for shift in (0.0, *SHIFTS)}
    return tuple(
        Watched(
            rule=rule.title,
            is_paired=getattr(rule, "is_paired", True),
            months=months,
            false_nights_per_month=false[n] / months,
            smallest_shift=_smallest({shift: hits[shift][n] / trials for shift in hits}),
            chance=hits[0.0][n] / trials,
        )
        for n, rule in enumerate(make_rules())
    )


def _smallest(found: Mapping[float, float]) -> float | None:
    """Of the shifts, by how often each was found; None also where finding means nothing."""
    if found[0.0] >= FOUND:
        return None
    return next((shift for shift in SHIFTS if found[shift] >= FOUND), None)


def _false_alarms(make_source: MakeSource, make_rules: MakeRules, months: int) -> list[int]:
    """Nights with an alarm, of each rule."""
    counts = [0] * len(make_rules())
    for month in range(months):
        source, rules = make_source(np.random.default_rng([0, month])), make_rules()
        for night in range(LEARNING + MONTH):
            alarms = _alarms(source, rules, {}, learns=night < LEARNING)
            counts = [count + bool(found) for count, found in zip(counts, alarms, strict=True)]
    return counts


def _hits(make_source: MakeSource, make_rules: MakeRules, shift: float, trials: int) -> list[int]:
    """Trials in which each rule alarms on the row that became slower, within three nights."""
    counts = [0] * len(make_rules())
    for trial in range(trials):
        source, rules = make_source(np.random.default_rng([1, trial])), make_rules()
        found = [False] * len(rules)
        for night in range(MONTH + WITHIN):
            learns = night < MONTH
            alarms = _alarms(source, rules, {} if learns else {0: 1 + shift}, learns=learns)
            found = [was or 0 in now for was, now in zip(found, alarms, strict=True)]
        counts = [count + hit for count, hit in zip(counts, found, strict=True)]
    return counts


def _alarms(
    source: Source, rules: Sequence[Rule], slower: Slower, *, learns: bool
) -> list[set[int]]:
    draw = source.next_night(slower)
    first = draw()
    return [rule.alarms(draw, first, learns=learns) for rule in rules]
