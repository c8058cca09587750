"""A comparison as rich renderables, for a terminal of 100 columns; printing is the caller's."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from taskzip.benchmarks.compare import words
from taskzip.benchmarks.table import VERDICT_STYLE
from taskzip.benchmarks.words import clock_words
from taskzip.contracts.names import Runtime
from taskzip.contracts.sidebyside import ComparedFigure, SideBySide

_WIDTHS = {
    "figure": 13,
    "reference": 9,
    "other": 9,
    "change": 8,
    "interval": 17,
    "effect": 6,
    "samples": 8,
    "needed": 10,
    "verdict": 10,
}


def render_comparison(comparison: SideBySide) -> RenderableType:
    """What is compared, a table per side and runtime, the verdicts counted, what limits them."""
    return Group(
        Text(words.conditions_line(comparison), style="bold"),
        Text(clock_words(comparison.sides[0].conditions), style="dim"),
        *(Text(line) for line in words.side_lines(comparison)),
        *(Text(line, style="yellow") for line in words.allowed_lines(comparison)),
        *(_table(comparison, *key) for key in _tables(comparison)),
        Text(words.counts_line(comparison.figures), style="bold"),
        *(Text(f"note: {line}", style="dim") for line in words.note_lines(comparison)),
    )


def _tables(comparison: SideBySide) -> dict[tuple[str, Runtime], None]:
    return dict.fromkeys((figure.other, figure.runtime) for figure in comparison.figures)


def _table(comparison: SideBySide, other: str, runtime: Runtime) -> RenderableType:
    """A heading, and under it a block of lines per cell, all columns alike."""
    reference = comparison.sides[0].name
    title = f"{runtime}: {other} against {reference}, 95 % intervals"
    heading = _columns(title=title, title_justify="left", title_style="italic")
    heading.add_row(
        *("figure", reference, other, "change", "interval", "effect"),
        *("samples (out)", "decided by", f"{other} is"),
        style="bold",
    )
    blocks: dict[str, Table] = {}
    for figure in comparison.figures:
        if (figure.other, figure.runtime) == (other, runtime):
            cell = f"{figure.deployment} {figure.cache}{' packed' * figure.packed_cache}"
            blocks.setdefault(cell, _columns()).add_row(*_cells(figure))
    return Group("", heading, *(each for name, table in blocks.items() for each in (name, table)))


def _columns(**title: Any) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), **title)
    for name, width in _WIDTHS.items():
        is_word = name in ("figure", "verdict")
        table.add_column(justify="left" if is_word else "right", width=width, no_wrap=False)
    return table


def _cells(figure: ComparedFigure) -> tuple[RenderableType, ...]:
    name, *cells = words.figure_cells(figure)
    return (f" {name}", *cells, Text(figure.verdict, style=VERDICT_STYLE[figure.verdict]))
