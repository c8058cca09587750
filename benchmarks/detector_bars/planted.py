"""1 % planted in every row, one after the other, on the counted clock."""

from collections.abc import Callable

import numpy as np

from taskzip.benchmarks.detector_bars.measure import LEARNING, MONTH
from taskzip.benchmarks.detector_bars.replay import Replay
from taskzip.benchmarks.detector_bars.rules import Ours
from taskzip.contracts.document import Document
from taskzip.contracts.names import Count

SLOWER = 1.01


class Planted(Document):
    """What became of it."""

    recorded: Count
    rows: Count
    found: Count
    """Rows whose slowdown alarmed the same night, and no other row with it."""
    nights: Count
    false_nights: Count


def plant(
    make_source: Callable[[np.random.Generator], Replay], make_rule: Callable[[], Ours]
) -> Planted:
    """A month without a change, then for each row a night in which it takes 1 % longer."""
    source, rule = make_source(np.random.default_rng(0)), make_rule()
    false = 0
    for night in range(LEARNING + MONTH):
        draw = source.next_night({})
        false += bool(rule.alarms(draw, draw(), learns=night < LEARNING))
    cells = dict.fromkeys(cell for cell, _ in source.figures)
    found = 0
    for cell in cells:
        slower = {n: SLOWER for n, (each, _) in enumerate(source.figures) if each == cell}
        draw = source.next_night(slower)
        alarms = rule.alarms(draw, draw(), learns=False)
        rule.forget()
        found += bool(alarms) and alarms <= set(slower)
    return Planted(
        recorded=len(source.recorded),
        rows=len(cells),
        found=found,
        nights=MONTH,
        false_nights=false,
    )
