"""From every task to every other: first outputs as a heat map, one field per cell of the report."""

from collections.abc import Sequence
from math import log10

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from taskzip.benchmarks.svg import DEPLOYMENT_COLOURS, FAINT, WIDTH, as_svg, figure_of_height
from taskzip.benchmarks.units import format_ns
from taskzip.contracts.report import Row

_COLUMNS = 2
_GAP, _TITLE, _FOOT = 14, 30, 10
_SIDE = (WIDTH - (_COLUMNS + 1) * _GAP) / _COLUMNS
_LIGHTEST = 0.12
"""How strongly the shortest is coloured: a pair that was measured is told from one that was not."""


def heatmap_svg(rows: Sequence[Row], name: str) -> str:
    """A field per row: from the task at its left to the task at its top, darker is longer.

    All fields have one logarithmic scale, so they may be compared.
    """
    lines = -(-len(rows) // _COLUMNS)
    low, high = _range(rows)
    with figure_of_height(lines * (_SIDE + _TITLE + _FOOT)) as figure:
        for index, row in enumerate(rows):
            _draw_field(figure, row, divmod(index, _COLUMNS), lines, (low, high))
        return as_svg(figure, name)


def tasks_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """All tasks that the rows' pairs name, in order."""
    return tuple(sorted({task for row in rows for p in row.pairs for task in (p.leaves, p.enters)}))


def heatmap_words(row: Row) -> str:
    """The quickest and the slowest pair."""
    ordered = sorted(row.pairs, key=lambda pair: pair.first_output_ns)
    quick, slow = ordered[0], ordered[-1]
    return (
        f"{quick.leaves} to {quick.enters} {format_ns(quick.first_output_ns)} … "
        f"{slow.leaves} to {slow.enters} {format_ns(slow.first_output_ns)}"
    )


def _range(rows: Sequence[Row]) -> tuple[float, float]:
    logs = [log10(max(pair.first_output_ns, 1)) for row in rows for pair in row.pairs]
    return min(logs), max(*logs, min(logs) + 1e-9)


def _field(row: Row, tasks: Sequence[str], low: float, high: float) -> NDArray[np.float64]:
    """`(tasks left, tasks entered)`: how dark, from _LIGHTEST to 1; NaN where not measured."""
    field = np.full((len(tasks), len(tasks)), np.nan)
    for pair in row.pairs:
        part = (log10(max(pair.first_output_ns, 1)) - low) / (high - low)
        field[tasks.index(pair.leaves), tasks.index(pair.enters)] = (
            _LIGHTEST + (1 - _LIGHTEST) * part
        )
    return field


def _draw_field(
    figure: Figure, row: Row, at: tuple[int, int], lines: int, scale: tuple[float, float]
) -> None:
    line, column = at
    height = lines * (_SIDE + _TITLE + _FOOT)
    left = _GAP + column * (_SIDE + _GAP)
    bottom = height - (line + 1) * (_SIDE + _TITLE + _FOOT) + _FOOT
    axes = figure.add_axes((left / WIDTH, bottom / height, _SIDE / WIDTH, _SIDE / height))
    tasks = tasks_of([row])
    colour = DEPLOYMENT_COLOURS[row.deployment]
    field = _field(row, tasks, *scale)
    for y, x in zip(*np.nonzero(~np.isnan(field)), strict=True):
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, alpha=float(field[y, x]), lw=0))
    axes.set_xlim(0, len(tasks))
    axes.set_ylim(len(tasks), 0)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    packed = ", packed" if row.packed_cache else ""
    axes.set_title(f"{row.deployment}\n{row.cache}{packed}", fontsize=9, loc="left", pad=3)
