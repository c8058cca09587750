"""The frame that all plots share: a lane per row, lanes of a group under one heading."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from taskzip.benchmarks.svg import HOVER, WIDTH

Item = TypeVar("Item")
LANE_HEIGHT = 17
_LEFT, _RIGHT, _TOP, _BOTTOM = 86, 58, 4, 34


@dataclass(frozen=True)
class Lane(Generic[Item]):
    """What has the lane, a row or a side, and where; `y` counts lanes from the top."""

    row: Item
    y: float
    heading: str
    label: str


@dataclass(frozen=True)
class Lanes(Generic[Item]):
    """All lanes of a plot, and the headings between them."""

    lanes: tuple[Lane[Item], ...]
    headings: tuple[tuple[str, float], ...]

    @property
    def _count(self) -> int:
        return len(self.lanes) + len(self.headings)

    @property
    def height(self) -> float:
        """The height that the figure needs."""
        return _TOP + self._count * LANE_HEIGHT + _BOTTOM

    def draw(self, figure: Figure, unit: str) -> Axes:
        """Axes with the headings and labels left of them; the caller draws the lanes."""
        area = (
            _LEFT / WIDTH,
            _BOTTOM / self.height,
            (WIDTH - _LEFT - _RIGHT) / WIDTH,
            self._count * LANE_HEIGHT / self.height,
        )
        axes = figure.add_axes(area)
        axes.set_ylim(self._count - 0.5, -0.5)
        axes.set_yticks([])
        axes.set_xlabel(unit)
        axes.set_axisbelow(True)
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
        for text, y in self.headings:
            _left_of(axes, text, y, weight="bold")
        for lane in self.lanes:
            _left_of(axes, lane.label, lane.y, indent=8)
        return axes

    def value(self, axes: Axes, lane: Lane[Item], text: str, told: str) -> None:
        """The lane's figure, at the right edge; under the pointer the lane says what is `told`."""
        across = WIDTH - _LEFT - _RIGHT
        strip = Rectangle(
            (-_LEFT / across, lane.y - 0.5), WIDTH / across, 1, facecolor="none", linewidth=0
        )
        told = f"{HOVER}{lane.heading}, {lane.label}: {told}"
        strip.set(transform=axes.get_yaxis_transform(), gid=told, clip_on=False, zorder=9)
        axes.add_patch(strip)
        axes.annotate(
            text,
            (1, lane.y),
            xycoords=axes.get_yaxis_transform(),
            xytext=(_RIGHT - 2, 0),
            textcoords="offset points",
            ha="right",
            va="center",
        )


def lay_out(
    rows: Sequence[Item], heading: Callable[[Item], str], label: Callable[[Item], str]
) -> Lanes[Item]:
    """Lanes in the order of the rows; a heading wherever it changes."""
    lanes: list[Lane[Item]] = []
    headings: list[tuple[str, float]] = []
    for row in rows:
        if not headings or headings[-1][0] != heading(row):
            headings.append((heading(row), len(lanes) + len(headings)))
        lanes.append(Lane(row, len(lanes) + len(headings), heading(row), label(row)))
    return Lanes(tuple(lanes), tuple(headings))


def _left_of(axes: Axes, text: str, y: float, indent: float = 0, weight: str = "normal") -> None:
    axes.annotate(
        text,
        (0, y),
        xycoords=axes.get_yaxis_transform(),
        xytext=(indent - _LEFT + 2, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        fontweight=weight,
        annotation_clip=False,
    )
