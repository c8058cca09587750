"""The history on a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from taskzip.benchmarks.compare.sidebyside import cell_name
from taskzip.benchmarks.history.entries import figures_of
from taskzip.benchmarks.units import ABSENT, format_change, format_figure
from taskzip.benchmarks.words import METRIC_SHORT
from taskzip.contracts.history import Change, Entry, ListedEntry, Trend

SHOWN_DIGITS = 12
"""Of an entry's name; enough to tell entries apart."""


def entries_table(entries: Sequence[ListedEntry]) -> Table:
    """A line per entry."""
    table = Table("entry", "subject", "measured", "device", "bundle", "against", box=None)
    for each in entries:
        subject = each.subject + " (reference)" * (each.role == "reference")
        table.add_row(
            each.sha256[:SHOWN_DIGITS],
            subject,
            each.measured_at[:16].replace("T", " "),
            each.device,
            (each.bundle_sha256 or ABSENT)[:SHOWN_DIGITS],
            (each.reference or ABSENT)[:SHOWN_DIGITS],
        )
    return table


def entry_text(listed: ListedEntry, entry: Entry) -> RenderableType:
    """An entry with its medians."""
    table = Table("row", "figure", box=None)
    table.add_column("median", justify="right")
    table.add_column("samples", justify="right")
    for figure in figures_of(entry.rows):
        invalid = "" if figure.is_valid else " (not valid)"
        table.add_row(
            cell_name(figure.cell),
            METRIC_SHORT[figure.metric] + invalid,
            format_figure(figure.metric, figure.median),
            str(figure.samples),
        )
    versions = {**entry.conditions.runtime_versions, **entry.versions}
    lines = (
        f"{listed.sha256}",
        f"{entry.subject}, {entry.role}, {listed.measured_at}, {listed.device}",
        ", ".join(f"{name} {version}" for name, version in sorted(versions.items())),
    )
    return Group(*(Text(line) for line in lines if line), table)


def trends_table(trends: Sequence[Trend]) -> Table:
    """A line per series: how many points, the first and last median, and what became of it."""
    table = Table("subject", "row", "figure", box=None)
    for name in ("points", "first", "last", "change"):
        table.add_column(name, justify="right")
    table.add_column("changed")
    for trend in trends:
        series, first, last = trend.series, trend.points[0], trend.points[-1]
        table.add_row(
            series.subject + " (reference)" * (series.role == "reference"),
            cell_name(series),
            METRIC_SHORT[series.metric],
            str(len(trend.points)),
            format_figure(series.metric, first.median),
            format_figure(series.metric, last.median),
            format_change(last.median / first.median) if first.median else ABSENT,
            ", ".join(map(change_words, trend.changes)),
        )
    return table


def change_words(change: Change) -> str:
    """When, and by how much: `2026-01-02 +1.25 %`."""
    return f"{change.measured_at[:10]} {format_change(change.ratio)}"
