"""The history as one page that needs nothing else: no network, no script."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from taskzip.benchmarks import units
from taskzip.benchmarks.compare.sidebyside import cell_name
from taskzip.benchmarks.history.entries import EMULATED
from taskzip.benchmarks.history.nights import nights_of
from taskzip.benchmarks.history.sparkline import sparkline
from taskzip.benchmarks.history.table import change_words
from taskzip.benchmarks.page import environment, style
from taskzip.benchmarks.words import METRIC_SHORT
from taskzip.contracts.history import Change, Series, Trend
from taskzip.contracts.names import Origin

_NEWS = 20
"""Latest changes that stand at the top."""


@dataclass(frozen=True)
class Line:
    """A figure of a row."""

    cell: str
    figure: str
    points: int
    first: str
    last: str
    change: str
    drawing: Markup
    changes: str


@dataclass(frozen=True)
class Table:
    """A subject on a device, with one runtime."""

    title: str
    text: str
    cells: dict[str, tuple[Line, ...]]


@dataclass(frozen=True)
class DeviceTrends:
    """All that was measured on a device."""

    name: str
    tables: tuple[Table, ...]

    @property
    def kind(self) -> str:
        """`emulated`, or the phone."""
        return self.name.partition(", ")[0]

    @property
    def rest(self) -> str:
        """What else the device is known by."""
        return self.name.partition(", ")[2]

    @property
    def origin(self) -> Origin:
        """Where its figures are of."""
        return "virtual" if self.kind == EMULATED else "phone"


@dataclass(frozen=True)
class News:
    """A change, of which figure."""

    when: str
    ratio: str
    is_worse: bool
    figure: str
    subject: str
    device: str


def render_site(trends: Sequence[Trend]) -> str:
    """The page; the same trends always give the same text."""
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            style=style(),
            news=_news(trends),
            devices=tuple(_devices(trends)),
            nights=len({p.night or p.entry for trend in trends for p in trend.points}),
        )
    )


def _devices(trends: Sequence[Trend]) -> Iterator[DeviceTrends]:
    def name(trend: Trend) -> str:
        return trend.series.device

    for device, of_device in groupby(sorted(trends, key=name), key=name):
        yield DeviceTrends(device, tuple(_tables(list(of_device))))


def _tables(trends: Sequence[Trend]) -> Iterator[Table]:
    groups: dict[tuple[str, str, str], list[Trend]] = {}
    for trend in trends:
        series = trend.series
        groups.setdefault((series.subject, series.role, series.runtime), []).append(trend)
    for (subject, role, runtime), group in groups.items():
        cells: dict[str, list[Line]] = {}
        for trend in group:
            line = _line(trend)
            cells.setdefault(line.cell, []).append(line)
        pinned = ", the pinned reference" if role == "reference" else ""
        relative = any(trend.is_relative for trend in group)
        text = "Drawn: the ratio to the reference." if relative else "Drawn: the medians."
        yield Table(
            f"{subject}{pinned}, {runtime}",
            text,
            {name: tuple(lines) for name, lines in cells.items()},
        )


def _line(trend: Trend) -> Line:
    series, nights = trend.series, nights_of(trend.points, trend.is_relative)
    first, last = trend.points[0].median, trend.points[-1].median
    return Line(
        cell_name(series),
        METRIC_SHORT[series.metric],
        len(trend.points),
        units.format_figure(series.metric, first),
        units.format_figure(series.metric, last),
        units.format_change(last / first) if first else units.ABSENT,
        sparkline(trend, nights),
        ", ".join(map(change_words, trend.changes)),
    )


def _news(trends: Sequence[Trend]) -> tuple[News, ...]:
    """The latest changes, the newest first."""
    found = [(change, trend.series) for trend in trends for change in trend.changes]
    found.sort(key=lambda each: each[0].measured_at, reverse=True)
    return tuple(_of(change, series) for change, series in found[:_NEWS])


def _of(change: Change, series: Series) -> News:
    pinned = ", pinned reference" if series.role == "reference" else ""
    return News(
        change.night or change.measured_at[:10],
        units.format_change(change.ratio),
        change.ratio > 1,
        f"{cell_name(series)} {METRIC_SHORT[series.metric]}",
        f"{series.subject}{pinned}",
        series.device,
    )
