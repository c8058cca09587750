"""A comparison as one page that needs nothing else: no network, no script."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log

from markupsafe import Markup

from taskzip.benchmarks import units
from taskzip.benchmarks import words as report_words
from taskzip.benchmarks.compare import words
from taskzip.benchmarks.compare.plots import (
    Drawn,
    drawn_cells,
    latency_svg,
    memory_svg,
    parts_svg,
    storage_svg,
)
from taskzip.benchmarks.compare.sidebyside import cell_name
from taskzip.benchmarks.compare.source import Source
from taskzip.benchmarks.page import (
    CONTENTS_CAPTION,
    CONTENTS_TITLE,
    Plot,
    PlotGroup,
    environment,
    style,
)
from taskzip.benchmarks.svg import SIDE_COLOURS
from taskzip.benchmarks.treemap import blocks_of, files_of, treemap_svg, treemap_words
from taskzip.contracts.ledger import FileLedger
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.sidebyside import PairedSwitch, SideBySide

_FULL_HEAT = log(1.1)
"""Ten percent has the full colour."""
_STRONGEST = 60
"""Percent of the colour that lets text be read."""
_DOTS = (
    "Every dot a sample, in percent of the reference's median, the bar the median; logarithmic "
    "beyond 0.5 %. At the right the reference's median and the others' change."
)


@dataclass(frozen=True)
class HeatMap:
    """Switches of one cell from task to task, as the reference's and another's medians."""

    title: str
    tasks: tuple[str, ...]
    entries: dict[tuple[str, str], "Heat"]


@dataclass(frozen=True)
class Heat:
    """A switch: how much longer, how long, and how strongly it is coloured, in percent."""

    change: str
    medians: str
    percent: int
    is_longer: bool


@dataclass(frozen=True)
class _Subject:
    title: str
    caption: str
    draw: Callable[[Sequence[Drawn], str], str]
    has: Callable[[Drawn], bool] = lambda _: True


_SUBJECTS = (
    _Subject("Switch", _DOTS, lambda cells, name: latency_svg(cells, "switch_ns", name)),
    _Subject(
        "First output after a switch",
        _DOTS,
        lambda cells, name: latency_svg(cells, "first_output_ns", name),
    ),
    _Subject("Inference", _DOTS, lambda cells, name: latency_svg(cells, "inference_ns", name)),
    _Subject(
        "Memory",
        "PSS after switching through all tasks: grey what runner and runtime take, coloured the "
        "networks, the tick the peak. MiB, PSS at the right.",
        memory_svg,
        lambda each: each.has_memory,
    ),
    _Subject(
        "What memory holds",
        "The same PSS by what it holds, in the first session, from left to right: grey the code of "
        "runner and runtime, then the heap (weights packed in memory and arenas among it), lighter "
        "the packed-weight caches, lightest the model files. MiB.",
        parts_svg,
        lambda each: each.has_memory and each.row.parts is not None,
    ),
    _Subject(
        "Storage",
        "Model files, and lighter the packed-weight caches beside them. MiB, total at the right.",
        storage_svg,
        lambda each: each.cell.cache == "warm" or not each.has_warm_twin,
    ),
)


def render_page(comparison: SideBySide, sources: Sequence[Source]) -> str:
    """The page; the same comparison always gives the same text."""
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            comparison=comparison,
            style=style(),
            colours=[f"var(--side-{n % len(SIDE_COLOURS)})" for n in range(len(sources))],
            plot_groups=(*_plot_groups(comparison, sources), *_contents(sources)),
            heat_maps=tuple(_heat_maps(comparison)),
            conditions=report_words.condition_lines(comparison.sides[0].conditions),
            clock=report_words.clock_words(comparison.sides[0].conditions),
            cell_name=cell_name,
            cells_of=lambda figures: dict.fromkeys(map(cell_name, figures)),
            units=units,
            words=words,
        )
    )


def _plot_groups(comparison: SideBySide, sources: Sequence[Source]) -> Iterator[PlotGroup]:
    for number, subject in enumerate(_SUBJECTS):
        plots = []
        for runtime in RUNTIMES:
            cells = [
                each
                for each in drawn_cells(sources, runtime, comparison.figures)
                if subject.has(each)
            ]
            if cells:
                svg = Markup(subject.draw(cells, f"plot{number}-{runtime}"))  # noqa: S704 - our own drawing
                plots.append(Plot(runtime, svg, _alternative(comparison, subject, runtime)))
        if plots:
            yield PlotGroup(subject.title, subject.caption, tuple(plots))


def _contents(sources: Sequence[Source]) -> Iterator[PlotGroup]:
    """What the model files of each side hold, where the export told it."""
    plots = []
    for runtime in RUNTIMES:
        sides = _sides_by_files(sources, runtime)
        blocks = [block for side, files in sides for block in blocks_of(files, f"{side}: ")]
        if blocks:
            told = " ".join(f"{side}: {treemap_words(files)}" for side, files in sides)
            svg = Markup(treemap_svg(blocks, f"files-{runtime}"))  # noqa: S704 - our own drawing
            plots.append(Plot(runtime, svg, told))
    if plots:
        yield PlotGroup(CONTENTS_TITLE, CONTENTS_CAPTION, tuple(plots))


def _sides_by_files(
    sources: Sequence[Source], runtime: Runtime
) -> list[tuple[str, Sequence[FileLedger]]]:
    """Equal files stand under the names of all sides that have them: `A, B`."""
    found: list[tuple[list[str], Sequence[FileLedger]]] = []
    for source in sources:
        files = files_of(source.sessions[0].ledger, runtime)
        same = next((names for names, other in found if other == files), None)
        if same is not None:
            same.append(source.name)
        elif files:
            found.append(([source.name], files))
    return [(", ".join(names), files) for names, files in found]


def _alternative(comparison: SideBySide, subject: _Subject, runtime: str) -> str:
    """Where the drawing's figures stand, for those who do not see it."""
    counts = words.counts_line(tuple(f for f in comparison.figures if f.runtime == runtime))
    return f"{subject.title}, {runtime}. The figures are in the table of all figures: {counts}."


def _heat_maps(comparison: SideBySide) -> Iterator[HeatMap]:
    reference = comparison.sides[0].name
    for other in comparison.sides[1:]:
        maps: dict[str, list[PairedSwitch]] = {}
        for switch in comparison.switches:
            maps.setdefault(cell_name(switch), []).append(switch)
        for cell, switches in maps.items():
            tasks = dict.fromkeys(t for s in switches for t in (s.leaves, s.enters))
            yield HeatMap(
                f"{other.name} against {reference}: {cell}",
                tuple(sorted(tasks)),
                {(s.leaves, s.enters): _heat(s, reference, other.name) for s in switches},
            )


def _heat(switch: PairedSwitch, reference: str, other: str) -> Heat:
    before, after = (max(switch.medians_ns[name], 1.0) for name in (reference, other))
    strength = min(1.0, abs(log(after / before)) / _FULL_HEAT)
    return Heat(
        units.format_change(after / before),
        f"{units.format_ns(before)} → {units.format_ns(after)}",
        round(_STRONGEST * strength),
        after > before,
    )
