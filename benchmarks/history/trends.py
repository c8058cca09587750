"""Figures of the same row, from entry to entry."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import and_, select

from taskzip.benchmarks.history.database import reading
from taskzip.benchmarks.history.nights import make_trend
from taskzip.benchmarks.history.store import History
from taskzip.benchmarks.history.tables import ENTRY, FIGURE
from taskzip.benchmarks.rows import rank
from taskzip.contracts.history import Point, Series, Trend
from taskzip.contracts.record import Cell

_CELL = tuple(Cell.model_fields)
_SERIES = tuple(Series.model_fields)
_OF_ENTRY = ("sha256", "subject", "role", "device", "night", "measured_at")


@dataclass(frozen=True)
class Wanted:
    """Which series; None: all."""

    subject: str | None = None
    role: str | None = None
    device: str | None = None
    """A part of the device's name does."""
    runtime: str | None = None
    deployment: str | None = None
    cache: str | None = None
    metric: str | None = None


def trends(history: History, wanted: Wanted) -> tuple[Trend, ...]:
    """Every wanted series with its points, the oldest first; rows in the report's order."""
    return tuple(
        make_trend(series, points) for series, points in points_by_series(history, wanted).items()
    )


def points_by_series(history: History, wanted: Wanted) -> dict[Series, list[Point]]:
    """The same, without looking for changes."""
    points: dict[Series, list[Point]] = defaultdict(list)
    for series, point in _points(history, wanted):
        points[series].append(point)
    return {series: points[series] for series in sorted(points, key=_order)}


def _points(history: History, wanted: Wanted) -> Iterator[tuple[Series, Point]]:
    reference = FIGURE.alias("reference_figure")
    same = [reference.c[name] == FIGURE.c[name] for name in (*_CELL, "metric")]
    query = (
        select(
            *(ENTRY.c[name] for name in _OF_ENTRY),
            *(FIGURE.c[name] for name in (*_CELL, "metric", "median", "samples")),
            reference.c.median.label("reference_median"),
        )
        .join(FIGURE, FIGURE.c.entry == ENTRY.c.sha256)
        .outerjoin(
            reference, and_(reference.c.entry == ENTRY.c.reference, reference.c.is_valid, *same)
        )
        .where(FIGURE.c.is_valid)
        .order_by(ENTRY.c.measured_at, ENTRY.c.sha256)
    )
    for name in ("subject", "role"):
        if getattr(wanted, name) is not None:
            query = query.where(ENTRY.c[name] == getattr(wanted, name))
    for name in ("runtime", "deployment", "cache", "metric"):
        if getattr(wanted, name) is not None:
            query = query.where(FIGURE.c[name] == getattr(wanted, name))
    if wanted.device is not None:
        query = query.where(ENTRY.c.device.contains(wanted.device, autoescape=True))
    with reading(history.engine) as connection:
        for row in connection.execute(query):
            yield (
                Series(**{name: getattr(row, name) for name in _SERIES}),
                Point(
                    entry=row.sha256,
                    **{name: getattr(row, name) for name in Point.model_fields if name != "entry"},
                ),
            )


def _order(series: Series) -> tuple[object, ...]:
    cell = Cell(**{name: getattr(series, name) for name in _CELL})
    return (series.subject, series.role, series.device, *rank(cell), series.metric)
