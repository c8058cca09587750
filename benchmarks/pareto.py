"""The curve of size against error of a sweep, as a drawing of its own."""

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from taskzip.contracts.document import write_atomically
from taskzip.contracts.zipsweep import SweepPoint, ZipSweep

INCHES = (6.4, 4.0)


def write_pareto(sweep: ZipSweep, path: Path) -> None:
    """Draw every point, and a line through those that nothing smaller beats; the same sweep gives
    the same bytes.
    """
    with mpl.rc_context({"svg.hashsalt": "taskzip", "svg.fonttype": "none"}):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.add_subplot()
        best = sorted((each for each in sweep.points if each.is_pareto), key=lambda p: p.bytes)
        axes.plot([p.size_ratio for p in best], [error_of(p) for p in best], color="tab:blue")
        for point in sweep.points:
            colour = "tab:blue" if point.is_pareto else "tab:gray"
            axes.plot(point.size_ratio, error_of(point), "o", color=colour)
        axes.set_xlabel("joint network / all separate networks (weights)")
        axes.set_ylabel(unit_of(sweep))
        axes.grid(visible=True, alpha=0.3)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    write_atomically(path, buffer.getvalue())


def error_of(point: SweepPoint) -> float:
    """The measured increase in points, or without labels the mean output error."""
    if point.mean_increase_points is not None:
        return point.mean_increase_points
    return sum(point.output_error.values()) / len(point.output_error)


def unit_of(sweep: ZipSweep) -> str:
    """What `error_of` gives."""
    measured = all(point.mean_increase_points is not None for point in sweep.points)
    return "mean increase of the error (points)" if measured else "relative squared output error"
