"""A night's figures with their past, read from the history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskzip.benchmarks.compare.figures import tested_figures
from taskzip.benchmarks.compare.source import Source
from taskzip.benchmarks.history.nights import Night, finest, nights_of
from taskzip.benchmarks.history.store import History
from taskzip.benchmarks.history.trends import Wanted, points_by_series
from taskzip.benchmarks.nightly.detector import Past
from taskzip.contracts.history import Point, Series
from taskzip.contracts.record import Cell

Figures = dict[tuple[Cell, str], float]
"""By cell and metric."""


@dataclass(frozen=True)
class Judged:
    """A figure tonight: the candidate's relative to the reference, or the reference's own."""

    series: Series
    past: Past
    nights: tuple[Night, ...]
    """Those of the past, the oldest first."""
    tonight: float


@dataclass(frozen=True)
class Asked:
    """Whose figures."""

    subject: str
    device: str
    """As the history names it."""
    night: str
    least: float


def errors_of(reference: Source, candidate: Source) -> Figures:
    """The standard error of each figure's log ratio within the session."""
    clock = reference.sessions[0].conditions.clock
    return {
        (each.cell, each.metric): each.ratio.standard_error
        for each in tested_figures(reference, candidate, clock, 0.0)
    }


def log_ratios(reference: Source, candidate: Source) -> Figures:
    """The logarithm of each figure's ratio within the session."""
    clock = reference.sessions[0].conditions.clock
    return {
        (each.cell, each.metric): each.ratio.log
        for each in tested_figures(reference, candidate, clock, 0.0)
    }


def figure_of(series: Series) -> tuple[Cell, str]:
    """What a series is called in `Figures`."""
    return Cell(**{name: getattr(series, name) for name in Cell.model_fields}), series.metric


def judged_figures(
    history: History, asked: Asked, names: Sequence[str], errors: Figures
) -> tuple[Judged, ...]:
    """Every figure of tonight's first session, whose entries are called `names`."""
    return tuple(_judged(history, asked, names, errors))


def values_of(history: History, asked: Asked, names: Sequence[str]) -> dict[Series, float]:
    """Every figure of one session, whose entries are called `names`."""
    found = {}
    for series, points in _series(history, asked):
        of_session = [point for point in points if point.entry in names]
        if of_session:
            found[series] = nights_of(of_session, _is_relative(series))[0].value
    return found


def _judged(
    history: History, asked: Asked, names: Sequence[str], errors: Figures
) -> Iterator[Judged]:
    values = values_of(history, asked, names)
    for series, points in _series(history, asked):
        if series not in values:
            continue
        older = [point for point in points if point.night != asked.night]
        nights = nights_of(older, _is_relative(series))
        figure = next(point.median for point in points if point.entry in names)
        past = Past(
            tuple(night.value for night in nights),
            max(asked.least, finest(series.metric, figure)),
            errors.get(figure_of(series), 0.0),
        )
        yield Judged(series, past, nights, values[series])


def _series(history: History, asked: Asked) -> Iterator[tuple[Series, list[Point]]]:
    wanted = Wanted(subject=asked.subject, device=asked.device)
    for series, points in points_by_series(history, wanted).items():
        known = [
            point
            for point in points
            if not _is_relative(series) or point.reference_median is not None
        ]
        if series.device == asked.device and known:
            yield series, known


def _is_relative(series: Series) -> bool:
    return series.role == "candidate"
