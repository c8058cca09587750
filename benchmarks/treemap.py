"""What model files hold, as areas: every constant a rectangle, one scale for all files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import squarify
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from taskzip.benchmarks.svg import DEPLOYMENT_COLOURS, INK, START, WIDTH, as_svg, figure_of_height
from taskzip.benchmarks.units import format_mib
from taskzip.contracts.config import TINY
from taskzip.contracts.ledger import Constant, FileLedger, Ledger
from taskzip.contracts.names import Runtime

SHARED_COLOUR = DEPLOYMENT_COLOURS["joint"]
PRIVATE_COLOUR = DEPLOYMENT_COLOURS["joint-lazy"]
SEPARATE_COLOUR = DEPLOYMENT_COLOURS["separate-swap"]

_TALLEST = 220
_HEADING = 18
_SMALLEST = 1 / 1000
"""Of a file: what is smaller is drawn together."""
_LETTER, _LINE = 5.2, 11
_GAP = 1.5


@dataclass(frozen=True)
class Area:
    """Bytes that are drawn as one rectangle."""

    bytes: int
    group: str
    colour: str
    label: str = ""


Block = tuple[str, list[Area]]
"""A heading, and what is drawn below it."""


def areas_of(file: FileLedger) -> list[Area]:
    """The file's areas, group by group: shared, of each entry, unused, and the program."""
    found = [_area(constant, file) for constant in file.constants]
    found.append(Area(file.program_bytes, "program", START, "program"))
    least = file.bytes * _SMALLEST
    kept = [area for area in found if area.bytes > least]
    rest: dict[tuple[str, str], int] = {}
    for area in found:
        if 0 < area.bytes <= least:
            key = (area.group, area.colour)
            rest[key] = rest.get(key, 0) + area.bytes
    return kept + [Area(size, *key) for key, size in rest.items()]


def files_of(ledger: Ledger | None, runtime: Runtime) -> tuple[FileLedger, ...]:
    """What is drawn of a runtime: none where the export told nothing."""
    return tuple(
        file
        for file in (ledger.files if ledger else ())
        if file.runtime == runtime and file.entries != (TINY,)
    )


def treemap_svg(blocks: Sequence[Block], name: str) -> str:
    """Blocks one below the other, as wide as each other, on one scale."""
    largest = max(sum(area.bytes for area in areas) for _, areas in blocks)
    heights = [_TALLEST * sum(area.bytes for area in areas) / largest for _, areas in blocks]
    total = sum(heights) + _HEADING * len(blocks)
    with figure_of_height(total) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(total, 0)
        axes.set_axis_off()
        top = 0.0
        for (heading, areas), height in zip(blocks, heights, strict=True):
            axes.text(0, top + _HEADING / 2, heading, va="center", fontweight="bold")
            _draw(axes, areas, top + _HEADING, height)
            top += _HEADING + height
        return as_svg(figure, name)


def treemap_words(files: Sequence[FileLedger]) -> str:
    """The same for those who do not see it."""
    parts = [
        f"{file.path}: {format_mib(file.bytes)} MiB, of it {format_mib(file.shared_bytes)} shared"
        for file in files
    ]
    return f"What the files hold. {'; '.join(parts)}."


def blocks_of(files: Sequence[FileLedger], whose: str = "") -> list[Block]:
    """The joint file, then all separate ones; `whose` begins their headings."""
    joint = [file for file in files if len(file.entries) > 1]
    separate = [file for file in files if len(file.entries) == 1]
    named = (("one joint file", joint), ("one file per task", separate))
    return [
        (
            f"{whose}{title}: {format_mib(sum(file.bytes for file in some))} MiB",
            [area for file in some for area in areas_of(file)],
        )
        for title, some in named
        if some
    ]


def _area(constant: Constant, file: FileLedger) -> Area:
    label = " × ".join(map(str, constant.shape))
    if len(file.entries) == 1:
        return Area(constant.bytes, file.path, SEPARATE_COLOUR, label)
    if len(constant.entries) > 1:
        return Area(constant.bytes, "shared", SHARED_COLOUR, label)
    return Area(constant.bytes, "".join(constant.entries) or "unused", PRIVATE_COLOUR, label)


def _draw(axes: Axes, areas: Sequence[Area], top: float, height: float) -> None:
    by_group = sorted(areas, key=lambda area: area.group)
    groups = [list(some) for _, some in groupby(by_group, key=lambda area: area.group)]
    groups.sort(key=_bytes, reverse=True)
    outer = _rectangles([_bytes(group) for group in groups], 0, top, WIDTH, height)
    for group, (x, y, width, depth) in zip(groups, outer, strict=True):
        inner = sorted(group, key=lambda area: area.bytes, reverse=True)
        places = _rectangles([area.bytes for area in inner], x, y, width, depth)
        for area, place in zip(inner, places, strict=True):
            _draw_area(axes, area, place)


def _bytes(group: Sequence[Area]) -> int:
    return sum(area.bytes for area in group)


def _rectangles(
    sizes: Sequence[int], x: float, y: float, width: float, height: float
) -> Iterator[tuple[float, float, float, float]]:
    """Squarified treemap (Bruls, Huizing, van Wijk 2000) of sizes in falling order."""
    normalized = squarify.normalize_sizes(sizes, width, height)
    for place in squarify.squarify(normalized, x, y, width, height):
        yield place["x"], place["y"], place["dx"], place["dy"]


def _draw_area(axes: Axes, area: Area, place: tuple[float, float, float, float]) -> None:
    x, y, width, height = place
    gap = min(_GAP, width / 3, height / 3)
    axes.add_patch(
        Rectangle((x, y), width - gap, height - gap, facecolor=area.colour, alpha=0.55, linewidth=0)
    )
    if len(area.label) * _LETTER < width - 2 * _GAP and height > _LINE:
        middle = (x + width / 2, y + height / 2)
        axes.text(*middle, area.label, ha="center", va="center", fontsize=8, color=INK)
