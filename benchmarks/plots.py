"""The plots of the report, one SVG per runtime and subject; every plot has its words beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from operator import attrgetter
from random import Random
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from taskzip.benchmarks.lanes import Item, Lanes, lay_out
from taskzip.benchmarks.specs import kind_of
from taskzip.benchmarks.svg import DEPLOYMENT_COLOURS, FAINT, INK, START, as_svg, figure_of_height
from taskzip.benchmarks.switching import split_words
from taskzip.benchmarks.units import MIB, format_mib, format_ns, format_ns_interval, grouped
from taskzip.benchmarks.words import part_words
from taskzip.contracts.report import Latency, Row

_BAR_HEIGHT = 0.62
_NS_PER_MS = 1e6
PART_SHADES = {"code": 0, "other": 0, "heap": 1, "packed_cache": 0.6, "model": 0.3}
"""Parts of memory from left to right: how strongly each has the deployment's colour; 0 is grey."""
SPLIT_SHADES = {
    "unload_ns": 0,
    "open_ns": 1,
    "prepare_ns": 0.75,
    "other_ns": 0,
    "first_touch_ns": 0.5,
    "run_ns": 0.25,
}
"""Parts of a switch from left to right, likewise."""
_SHORTEST_NS = 1
"""Where a sample of 0 ns is drawn: a logarithmic axis has no zero."""


def storage_svg(rows: Sequence[Row], name: str) -> str:
    """Bars of the model files and, lighter, the packed caches beside them."""
    lanes = lay_out(_one_per_file_set(rows), heading=_file_set, label=_packed)
    return size_svg(lanes, STORAGE, _look, name)


def memory_svg(rows: Sequence[Row], name: str) -> str:
    """Bars of PSS: the start in grey, the networks above it, a tick at the peak."""
    lanes = lay_out(rows, heading=lambda row: row.deployment, label=_packed)
    return size_svg(lanes, MEMORY, _look, name)


def parts_svg(rows: Sequence[Row], name: str) -> str:
    """Bars of PSS, stacked by what the memory holds: see PART_SHADES."""
    lanes = lay_out(rows, heading=lambda row: row.deployment, label=_packed)
    return size_svg(lanes, PARTS, _look, name)


def latency_svg(
    rows: Sequence[Row], metric: Literal["switch_ns", "first_output_ns"], name: str
) -> str:
    """Every raw sample as a dot, the median as a bar, on a logarithmic axis."""
    lanes = lay_out(rows, heading=lambda row: row.deployment, label=_setting)
    with figure_of_height(lanes.height) as figure:
        axes = lanes.draw(figure, "")
        random = Random(metric)  # noqa: S311 - spreads dots that would hide each other
        for lane in lanes.lanes:
            latency = getattr(lane.row, metric)
            colour = DEPLOYMENT_COLOURS[lane.row.deployment]
            samples = [max(sample, _SHORTEST_NS) for sample in latency.samples]
            heights = [lane.y + random.uniform(-0.28, 0.28) for _ in samples]
            axes.plot(samples, heights, "o", color=colour, markersize=3, alpha=0.5, mew=0, zorder=3)
            if latency.median is not None:
                middle = max(latency.median, _SHORTEST_NS)
                axes.vlines(middle, lane.y - 0.36, lane.y + 0.36, color=INK, linewidth=1.2)
            lanes.value(axes, lane, format_ns(latency.median), _latency_words(latency))
        _logarithmic(axes)
        return as_svg(figure, name)


def split_svg(rows: Sequence[Row], name: str) -> str:
    """Bars of the mean first output, stacked by where its time goes: see SPLIT_SHADES."""
    lanes = lay_out(rows, heading=lambda row: row.deployment, label=_setting)
    with figure_of_height(lanes.height) as figure:
        axes = lanes.draw(figure, "ms")
        totals = []
        for lane in lanes.lanes:
            parts = {part: getattr(lane.row.split, part) for part in SPLIT_SHADES}
            left = 0.0
            for part, shade in SPLIT_SHADES.items():
                colour = DEPLOYMENT_COLOURS[lane.row.deployment] if shade else START
                width = parts[part] / _NS_PER_MS
                axes.barh(lane.y, width, _BAR_HEIGHT, left=left, color=colour, alpha=shade or 1)
                left += width
            totals.append(left)
            lanes.value(axes, lane, format_ns(sum(parts.values())), split_words(lane.row))
        _linear(axes, max(totals))
        return as_svg(figure, name)


def _draw_storage(axes: Axes, y: float, row: Row, colour: str) -> None:
    """A bar of the model files and, lighter, one of the packed caches beside them."""
    model, packed = row.model_bytes / MIB, row.packed_cache_bytes / MIB
    axes.barh(y, model, _BAR_HEIGHT, color=colour)
    axes.barh(y, packed, _BAR_HEIGHT, left=model, color=colour, alpha=0.45)


def _draw_memory(axes: Axes, y: float, row: Row, colour: str) -> None:
    """A bar of PSS: the start in grey, the networks above it, a tick at the peak."""
    start, pss = (row.start_pss_bytes or 0) / MIB, (row.pss_bytes or 0) / MIB
    peak = (row.peak_pss_bytes or 0) / MIB
    axes.barh(y, min(start, pss), _BAR_HEIGHT, color=START)
    axes.barh(y, max(pss - start, 0), _BAR_HEIGHT, left=start, color=colour)
    axes.hlines(y, pss, max(peak, pss), color=colour, linewidth=1.2)
    axes.vlines(peak, y - 0.31, y + 0.31, color=INK, linewidth=1.6)


def _draw_parts(axes: Axes, y: float, row: Row, colour: str) -> None:
    """A bar of PSS, stacked by what the memory holds; the row has parts."""
    left = 0.0
    for part, shade in PART_SHADES.items():
        width = getattr(row.parts, part).pss_bytes / MIB
        axes.barh(
            y, width, _BAR_HEIGHT, left=left, color=colour if shade else START, alpha=shade or 1
        )
        left += width


@dataclass(frozen=True)
class Size:
    """A figure in bytes: its bar, what stands beside the bar, and how far the bar may reach."""

    draw: Callable[[Axes, float, Row, str], None]
    value: Callable[[Row], int | None]
    reach: Callable[[Row], int | None]
    told: Callable[[Row], str]


STORAGE = Size(
    _draw_storage,
    attrgetter("storage_bytes"),
    attrgetter("storage_bytes"),
    lambda row: (
        f"model files {format_mib(row.model_bytes)} MiB, "
        f"packed caches {format_mib(row.packed_cache_bytes)} MiB"
    ),
)
MEMORY = Size(
    _draw_memory,
    attrgetter("pss_bytes"),
    attrgetter("peak_pss_bytes"),
    lambda row: (
        f"PSS {format_mib(row.pss_bytes)} MiB, at the start {format_mib(row.start_pss_bytes)} MiB, "
        f"at most {format_mib(row.peak_pss_bytes)} MiB"
    ),
)
PARTS = Size(_draw_parts, attrgetter("pss_bytes"), attrgetter("pss_bytes"), part_words)


def size_svg(
    lanes: Lanes[Item], size: Size, look: Callable[[Item], tuple[Row, str]], name: str
) -> str:
    """A bar per lane in MiB; `look` gives a lane's row and colour."""
    with figure_of_height(lanes.height) as figure:
        axes = lanes.draw(figure, "MiB")
        for lane in lanes.lanes:
            row, colour = look(lane.row)
            size.draw(axes, lane.y, row, colour)
            lanes.value(axes, lane, format_mib(size.value(row)), size.told(row))
        _linear(axes, max(size.reach(look(lane.row)[0]) or 0 for lane in lanes.lanes) / MIB)
        return as_svg(figure, name)


def _latency_words(latency: Latency) -> str:
    return (
        f"median {format_ns(latency.median)}, 95 % {format_ns_interval(latency.ci95)}, "
        f"{grouped(len(latency.samples))} switches"
    )


def _look(row: Row) -> tuple[Row, str]:
    return row, DEPLOYMENT_COLOURS[row.deployment]


def _one_per_file_set(rows: Sequence[Row]) -> list[Row]:
    """The first row of each file set and packed-cache setting: deployments share files."""
    seen: dict[tuple[str, bool], Row] = {}
    for row in rows:
        seen.setdefault((kind_of(row.deployment), row.packed_cache), row)
    return list(seen.values())


def _file_set(row: Row) -> str:
    return "one joint file" if kind_of(row.deployment) == "joint" else "one file per task"


def _packed(row: Row) -> str:
    return "packed cache" if row.packed_cache else "no cache"


def _setting(row: Row) -> str:
    return f"{row.cache}, packed" if row.packed_cache else row.cache


def _linear(axes: Axes, largest: float) -> None:
    """An axis from 0 to a little over the largest value, with few steps."""
    axes.set_xlim(0, largest * 1.04 or 1)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="x")


def _logarithmic(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.3, high * 1.3)
    decades = log10(high / low)
    every = 2 if decades > 4 else 1  # noqa: PLR2004 - decades whose labels have room
    steps = (1.0,) if decades > 2 else (1.0, 2.0, 5.0)  # noqa: PLR2004 - few decades: steps between
    axes.xaxis.set_major_locator(LogLocator(base=10.0, subs=steps, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ns, _: _tick(ns, every)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", color=FAINT)


def _tick(ns: float, every: int) -> str:
    """A round duration without decimals, `10 µs`; of `every` decades only the last is named."""
    if floor(log10(ns) + 1e-9) % every != every - 1:
        return ""
    amount, unit = format_ns(ns).split()
    return f"{float(amount):g} {unit}"
