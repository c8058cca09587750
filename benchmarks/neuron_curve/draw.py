"""The curves as a drawing: a panel for each layer, a line for each way."""

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from taskzip.contracts.document import write_atomically
from taskzip.contracts.zipcurve import ZipCurve

PANEL_INCHES = (4.0, 3.2)
_COLOURS = {"random": "tab:gray", "mtz": "tab:orange", "mtz with refit": "tab:blue"}


def write_curve(curve: ZipCurve, path: Path) -> None:
    """Draw the tasks' mean error on a logarithmic axis; the same curve gives the same bytes."""
    layers = list(dict.fromkeys(point.layer for point in curve.points))
    width, height = PANEL_INCHES
    with mpl.rc_context({"svg.hashsalt": "taskzip", "svg.fonttype": "none"}):
        figure = Figure(figsize=(width * len(layers), height), layout="constrained")
        panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
        for axes, layer in zip(panels, layers, strict=True):
            _panel(axes, curve, layer)
        panels[0].set_ylabel("mean test error, %")
        panels[0].legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    write_atomically(path, buffer.getvalue())


def _panel(axes: Axes, curve: ZipCurve, layer: str) -> None:
    for way, colour in _COLOURS.items():
        points = [each for each in curve.points if (each.layer, each.way) == (layer, way)]
        errors = [_mean(each.error_percent) for each in points]
        axes.plot([each.shared for each in points], errors, "o-", color=colour, label=way)
    axes.axhline(_mean(curve.separate_percent), color="black", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_xlabel(f"shared neurons of layer {layer!r}")
    axes.grid(visible=True, alpha=0.3)


def _mean(errors: dict[str, float]) -> float:
    return sum(errors.values()) / len(errors)
