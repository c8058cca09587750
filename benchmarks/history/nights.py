"""A series night by night: what changes are looked for in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from statistics import fmean, median

from taskzip.benchmarks.compare.figures import TICK_NS
from taskzip.benchmarks.history.changepoints import change_points
from taskzip.benchmarks.settings import PAGE_BYTES
from taskzip.contracts.history import Change, Point, Series, Trend
from taskzip.contracts.sidebyside import ComparedMetric

LOOK_BACK = 90
"""Nights in which changes are looked for: the work grows with their square."""
_SMALLEST = 1.0
"""Medians below one nanosecond, or byte, count as one."""


@dataclass(frozen=True)
class Night:
    """The sessions of a night as one value: the mean of their logarithms."""

    first: Point
    value: float


def nights_of(points: Sequence[Point], is_relative: bool) -> tuple[Night, ...]:
    """Points in order, those of the same night as one; `is_relative`: to their references."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.night or point.entry, []).append(point)
    return tuple(
        Night(group[0], fmean(_value(point, is_relative) for point in group))
        for group in groups.values()
    )


def make_trend(series: Series, points: Sequence[Point]) -> Trend:
    """The points with the changes of their level, but for those below what can be seen."""
    is_relative = all(point.reference_median is not None for point in points)
    nights = nights_of(points, is_relative)[-LOOK_BACK:]
    values = [night.value for night in nights]
    found = change_points(values)
    edges = (0, *(point.index for point in found), len(values))
    levels = [median(values[start:end]) for start, end in pairwise(edges)]
    changes = tuple(
        Change(
            entry=nights[point.index].first.entry,
            night=nights[point.index].first.night,
            measured_at=nights[point.index].first.measured_at,
            ratio=exp(after - before),
            p=point.p,
        )
        for point, (before, after) in zip(found, pairwise(levels), strict=True)
        if abs(after - before) > finest(series.metric, points[0].median)
    )
    return Trend(series=series, points=tuple(points), is_relative=is_relative, changes=changes)


def finest(metric: ComparedMetric, figure: float) -> float:
    """The least relative difference that can be seen of a figure of that size."""
    if metric == "storage_bytes":
        return 0.0
    least = PAGE_BYTES if metric == "pss_above_start_bytes" else TICK_NS["counted"]
    return least / max(figure, _SMALLEST)


def _value(point: Point, is_relative: bool) -> float:
    above = log(max(point.median, _SMALLEST))
    if is_relative and point.reference_median is not None:
        return above - log(max(point.reference_median, _SMALLEST))
    return above
