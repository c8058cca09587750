"""Every figure of two sides, tested on its own; the verdict comes with all of them together."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log

import numpy as np

from taskzip.benchmarks.compare.levels import Spread, Taken, are_paired, spread_of_ratio
from taskzip.benchmarks.compare.ratio import Ratio
from taskzip.benchmarks.compare.session import LATENCIES, TimedMetric
from taskzip.benchmarks.compare.source import Source
from taskzip.benchmarks.settings import PAGE_BYTES, pss_above_start_bytes
from taskzip.benchmarks.statistics import SHORTEST_NS
from taskzip.benchmarks.validity import MEMORY_NOT_READ, MIN_SAMPLES
from taskzip.contracts.names import Clock
from taskzip.contracts.record import Cell
from taskzip.contracts.sidebyside import ComparedMetric

WITHIN: dict[Clock, float] = {"counted": 0.005, "real": 0.05}
"""Ratios this near to 1 are equivalent, unless the caller says otherwise."""
TICK_NS: dict[Clock, int] = {"counted": 16, "real": SHORTEST_NS}
_MEMORY_PAGES = 2
"""How far the PSS of two runs of the same files was apart on the emulated device."""


@dataclass(frozen=True)
class Tested:
    """A figure of one cell on two sides, before the verdict."""

    cell: Cell
    metric: ComparedMetric
    sides: tuple[Taken, Taken]
    """Reference and other."""
    ratio: Ratio
    spread: Spread | None
    """None for figures that are counted, not sampled."""
    paired: bool
    asked: float
    """The margin that the caller wants."""
    finest: float
    """The least difference from 1 that can be seen."""
    trouble: str | None
    """Why the figure cannot be judged, whatever its ratio."""

    @property
    def within(self) -> float:
        """The margin that can be had."""
        return max(self.asked, self.finest)

    @property
    def has_enough(self) -> bool:
        """Whether both sides have so many samples that something can be said."""
        return all(len(side.values) >= MIN_SAMPLES for side in self.sides)

    @property
    def is_tested(self) -> bool:
        """Whether there are samples, and valid ones."""
        return self.spread is not None and self.trouble is None


def tested_figures(
    reference: Source, other: Source, clock: Clock, within: float
) -> Iterator[Tested]:
    """Every figure that both sides have, in the reference's order."""
    for cell in reference.cells:
        if cell in other.cells:
            sources = (reference, other)
            yield from _sizes(cell, sources, within)
            yield from _timed(cell, "load_ns", sources, clock, within)
            for metric in LATENCIES:
                yield from _timed(cell, metric, sources, clock, within)


def _timed(
    cell: Cell, metric: TimedMetric, sources: tuple[Source, Source], clock: Clock, within: float
) -> Iterator[Tested]:
    tick = TICK_NS[clock]
    reference, other = (source.taken(cell, metric) for source in sources)
    if reference is None or other is None:
        return
    medians = [max(side.median, tick) for side in (reference, other)]
    spread = spread_of_ratio(reference, other, tick)
    ratio = Ratio(
        log(medians[1] / medians[0]), float(np.sqrt(spread.variance)), spread.degrees_of_freedom
    )
    yield Tested(
        cell,
        metric,
        (reference, other),
        ratio,
        spread,
        are_paired(reference, other),
        within,
        (tick + 1) / medians[0],
        _trouble(cell, sources, (reference, other)),
    )


def _sizes(cell: Cell, sources: tuple[Source, Source], within: float) -> Iterator[Tested]:
    one, other = (_storage(cell, source) for source in sources)
    if cell.cache == "warm" or not _is_warm_there(cell, sources):
        yield _counted(cell, "storage_bytes", (one, other), within, 1)
    before, after = (_memory(cell, source) for source in sources)
    if before is not None and after is not None:
        finest = _MEMORY_PAGES * PAGE_BYTES + 1
        yield _counted(cell, "pss_above_start_bytes", (before, after), within, finest)


def _is_warm_there(cell: Cell, sources: tuple[Source, Source]) -> bool:
    """Whether the same files are compared with a warm page cache already."""
    warm = cell.model_copy(update={"cache": "warm"})
    return all(warm in source.cells for source in sources)


def _storage(cell: Cell, source: Source) -> Taken:
    return _size([each.row.storage_bytes for each in source.measured(cell)])


def _memory(cell: Cell, source: Source) -> Taken | None:
    """PSS above start of each session; None where some session did not read it in this cell."""
    rows = [each.row for each in source.measured(cell)]
    sizes = [pss_above_start_bytes(row) for row in rows if row.memory_cache == cell.cache]
    read = [size for size in sizes if size is not None]
    return _size(read) if len(read) == len(rows) else None


def _size(sizes: list[int]) -> Taken:
    numbers = tuple(range(len(sizes)))
    return Taken(np.array(sizes, dtype=np.float64)[:, None], numbers, (0,) * len(sizes), None)


def _counted(
    cell: Cell, metric: ComparedMetric, sides: tuple[Taken, Taken], within: float, finest: float
) -> Tested:
    reference, other = (max(side.median, 1.0) for side in sides)
    ratio = Ratio(log(other / reference), 0.0)
    return Tested(cell, metric, sides, ratio, None, False, within, finest / reference, None)


def _trouble(cell: Cell, sources: tuple[Source, Source], sides: tuple[Taken, Taken]) -> str | None:
    for source, side in zip(sources, sides, strict=True):
        if len(side.values) < MIN_SAMPLES:
            return f"{source.name} has {len(side.values)} samples, {MIN_SAMPLES} are needed"
        reasons = [why for each in source.measured(cell) for why in each.row.reasons]
        for reason in reasons:
            if reason != MEMORY_NOT_READ:
                return f"{source.name} is not valid: {reason}"
    return None
