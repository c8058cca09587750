"""Matplotlib figures as SVG that lives inside a page: its colours and font are the page's.

The same figure always gives the same text: ids come from a fixed salt, no date is written.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, FAINT, START = "#0a0b01", "#0a0b02", "#0a0b03"
DEPLOYMENT_COLOURS = {
    "joint": "#0a0b04",
    "joint-lazy": "#0a0b05",
    "separate-resident": "#0a0b06",
    "separate-lru": "#0a0b0e",
    "separate-swap": "#0a0b07",
}
SIDE_COLOURS = ("#0a0b08", "#0a0b09", "#0a0b0a", "#0a0b0b", "#0a0b0c", "#0a0b0d")
"""Of what is compared; more sides begin again."""
_VARIABLES = {
    INK: "--ink",
    FAINT: "--line",
    START: "--start",
    **{colour: f"--{name}" for name, colour in DEPLOYMENT_COLOURS.items()},
    **{colour: f"--side-{number}" for number, colour in enumerate(SIDE_COLOURS)},
}
"""Stand-ins that matplotlib writes, and the page's custom properties that replace them."""

HOVER = "hover: "
"""Begins the gid of an artist that says the rest of it under the pointer."""
WIDTH = 328
"""A phone of 360 px, less its margins: at that width a unit of the drawing is a pixel."""
_UNITS_PER_INCH = 72
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "taskzip",
    "svg.id": None,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "text.parse_math": False,
    "path.simplify": False,
}


@contextmanager
def figure_of_height(height: float) -> Iterator[Figure]:
    """A figure of WIDTH × `height` units, drawn in the style of the page."""
    size = (WIDTH / _UNITS_PER_INCH, height / _UNITS_PER_INCH)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield Figure(figsize=size, dpi=_UNITS_PER_INCH)


def as_svg(figure: Figure, name: str) -> str:
    """The drawing as an element; `name` keeps its ids apart from those of other drawings."""
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg\b[^>]*?) width="[^"]*pt"', r"\1", text)
    text = re.sub(r'(<svg\b[^>]*?) height="[^"]*pt"', r"\1", text)
    text = re.sub(rf'<g id="{HOVER}([^"]*)">', r'<g class="hover"><title>\1</title>', text)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: (?:(\w+) )?([\d.]+px) [^;\"]*", _font, text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text.strip()


def _font(match: re.Match[str]) -> str:
    weight = f"font-weight: {match[1]}; " if match[1] else ""
    return f"{weight}font-size: {match[2]}"
