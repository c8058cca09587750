"""The drawings of a comparison: a lane per side, sides of a cell under one heading."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from taskzip.benchmarks.compare.source import Source
from taskzip.benchmarks.compare.words import told_words
from taskzip.benchmarks.lanes import lay_out
from taskzip.benchmarks.plots import MEMORY, PARTS, STORAGE, Size, size_svg
from taskzip.benchmarks.samples import LatencyMetric
from taskzip.benchmarks.svg import FAINT, INK, SIDE_COLOURS, as_svg, figure_of_height
from taskzip.benchmarks.units import format_change, format_ns, signed
from taskzip.contracts.record import Cell
from taskzip.contracts.report import Row
from taskzip.contracts.sidebyside import ComparedFigure

_SIZES = (
    *("storage_bytes", "model_bytes", "packed_cache_bytes"),
    *("start_pss_bytes", "pss_bytes", "peak_pss_bytes"),
)
_LINEAR_PERCENT = 0.5
"""Up to here the axis is linear, beyond it logarithmic: a hundredth and a tenfold both show."""
_TICKS = (-10, -1, 0, 1, 10, 100, 1000)
_SHORTEST_NS = 1


@dataclass(frozen=True)
class Drawn:
    """A cell of one side; sizes are medians over its sessions."""

    cell: Cell
    name: str
    number: int
    row: Row
    source: Source
    figures: Mapping[str, ComparedFigure]
    """What was said of it, by metric; nothing of the reference."""

    def told(self, metric: LatencyMetric) -> str:
        """The figure with its interval."""
        if metric in self.figures:
            return told_words(self.figures[metric])
        samples = self.samples(metric)
        return f"median {format_ns(np.median(samples))}, {len(samples)} samples"

    @property
    def heading(self) -> str:
        """The cell's name without the runtime, which is the drawing's."""
        packed = " packed" if self.cell.packed_cache else ""
        return f"{self.cell.deployment} {self.cell.cache}{packed}"

    @property
    def has_memory(self) -> bool:
        """Whether its memory was read in this cell, not borrowed from another."""
        return self.row.pss_bytes is not None and self.row.memory_cache == self.cell.cache

    @property
    def has_warm_twin(self) -> bool:
        """Whether the same files were measured with a warm page cache, too."""
        return self.cell.model_copy(update={"cache": "warm"}) in self.source.cells

    @property
    def colour(self) -> str:
        """Of the side."""
        return SIDE_COLOURS[self.number % len(SIDE_COLOURS)]

    def samples(self, metric: LatencyMetric) -> NDArray[np.float64]:
        """All of them, in the order taken."""
        taken = self.source.taken(self.cell, metric)
        return np.array([]) if taken is None else taken.values.reshape(-1)


def drawn_cells(
    sources: Sequence[Source], runtime: str, figures: Sequence[ComparedFigure]
) -> list[Drawn]:
    """What is drawn of a runtime: the cells of the reference that some other has, side by side."""
    said: dict[tuple[Cell, str], dict[str, ComparedFigure]] = defaultdict(dict)
    for figure in figures:
        cell = Cell(**{name: getattr(figure, name) for name in Cell.model_fields})
        said[cell, figure.other][figure.metric] = figure
    return [
        Drawn(cell, source.name, number, _middle_row(source, cell), source, said[cell, source.name])
        for cell in sources[0].cells
        if cell.runtime == runtime and any(cell in other.cells for other in sources[1:])
        for number, source in enumerate(sources)
        if cell in source.cells
    ]


def storage_svg(cells: Sequence[Drawn], name: str) -> str:
    """Bars of the model files and, lighter, the packed caches beside them."""
    return _size_svg(cells, STORAGE, name)


def memory_svg(cells: Sequence[Drawn], name: str) -> str:
    """Bars of PSS: the start in grey, the networks above it, a tick at the peak."""
    return _size_svg(cells, MEMORY, name)


def parts_svg(cells: Sequence[Drawn], name: str) -> str:
    """Bars of PSS, stacked by what the memory holds; of the first session."""
    return _size_svg(cells, PARTS, name)


def _size_svg(cells: Sequence[Drawn], size: Size, name: str) -> str:
    lanes = lay_out(cells, heading=lambda each: each.heading, label=lambda each: each.name)
    return size_svg(lanes, size, lambda each: (each.row, each.colour), name)


def latency_svg(cells: Sequence[Drawn], metric: LatencyMetric, name: str) -> str:
    """Every sample as a dot, in percent of the reference's median; medians as bars."""
    lanes = lay_out(cells, heading=lambda each: each.heading, label=lambda each: each.name)
    with figure_of_height(lanes.height) as figure:
        axes = lanes.draw(figure, "%")
        random = Random(metric)  # noqa: S311 - spreads dots that would hide each other
        middle = 1.0
        for lane in lanes.lanes:
            samples = np.maximum(lane.row.samples(metric), _SHORTEST_NS)
            if not samples.size:
                continue
            if lane.row.number == 0:
                middle = float(np.median(samples))
            ratio = float(np.median(samples)) / middle
            heights = [lane.y + random.uniform(-0.28, 0.28) for _ in samples]
            percents = 100 * (samples / middle - 1)
            colour = lane.row.colour
            axes.plot(
                percents, heights, "o", color=colour, markersize=3, alpha=0.5, mew=0, zorder=3
            )
            at = 100 * (ratio - 1)
            axes.vlines(at, lane.y - 0.36, lane.y + 0.36, color=INK, linewidth=1.2, zorder=4)
            is_reference = lane.row.number == 0
            text = format_ns(middle) if is_reference else format_change(ratio)
            lanes.value(axes, lane, text, lane.row.told(metric))
        _percent(axes)
        return as_svg(figure, name)


def _percent(axes: Axes) -> None:
    axes.set_xscale("symlog", linthresh=_LINEAR_PERCENT, linscale=0.8)
    low, high = axes.get_xlim()
    axes.set_xlim(min(1.3 * low, -1.5), max(1.3 * high, 1.5))
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: signed(value, 0) if value else "0")
    )
    axes.grid(axis="x", color=FAINT)


def _middle_row(source: Source, cell: Cell) -> Row:
    rows = [each.row for each in source.measured(cell)]
    middle = {}
    for size in _SIZES:
        read = [getattr(row, size) for row in rows if getattr(row, size) is not None]
        middle[size] = round(median(read)) if read else None
    return rows[0].model_copy(update=middle)
