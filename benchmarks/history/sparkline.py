"""A trend as a small drawing: a dot per night, a line through them, a mark where it changed."""

from collections.abc import Sequence
from math import exp
from statistics import median

from markupsafe import Markup, escape

from taskzip.benchmarks.history.nights import Night
from taskzip.benchmarks.units import format_change, format_figure
from taskzip.contracts.history import Trend

WIDTH, HEIGHT = 240, 44
_MARGIN, _RADIUS = 5, 2
_LEAST_RANGE = 0.01
"""The drawing shows at least 1 % up and down, so that noise does not look like news."""


def sparkline(trend: Trend, nights: Sequence[Night]) -> Markup:
    """The drawing; each night's figures stand in a title that shows under the pointer."""
    middle = median(night.value for night in nights)
    reach = max(_LEAST_RANGE, *(abs(night.value - middle) for night in nights))
    places = [
        (_across(number, len(nights)), _down((night.value - middle) / reach))
        for number, night in enumerate(nights)
    ]
    changed = {change.entry for change in trend.changes}
    marks = [
        x for (x, _), night in zip(places, nights, strict=True) if night.first.entry in changed
    ]
    parts = (
        f'<line class="middle" x1="0" x2="{WIDTH}" y1="{_down(0):.1f}" y2="{_down(0):.1f}"/>',
        *(f'<line class="change" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>' for x in marks),
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>',
        *(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}"><title>'
            f"{escape(_words(trend, night, middle))}</title></circle>"
            for (x, y), night in zip(places, nights, strict=True)
        ),
    )
    label = (
        f"{len(nights)} nights, from {format_change(exp(-reach))} to {format_change(exp(reach))}"
    )
    drawing = f'<svg class="trend" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
    return Markup(drawing + "".join(parts) + "</svg>")  # noqa: S704 - what others named is escaped


def _across(number: int, count: int) -> float:
    return _MARGIN + (WIDTH - 2 * _MARGIN) * (number / (count - 1) if count > 1 else 0.5)


def _down(part: float) -> float:
    """From −1, the foot, to 1."""
    return HEIGHT / 2 - part * (HEIGHT / 2 - _MARGIN)


def _words(trend: Trend, night: Night, middle: float) -> str:
    name = night.first.night or night.first.measured_at[:16].replace("T", " ")
    figure = format_figure(trend.series.metric, night.first.median)
    of = " to the reference" if trend.is_relative else ""
    return f"{name}: {figure}, {format_change(exp(night.value - middle))} of the middle{of}"
