"""`sweep.json`: the same networks zipped at several sizes; the curve of size against error."""

from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Count, TaskName
from taskzip.contracts.zipresult import ZippedTask


class SweepPoint(Document):
    """One size."""

    shared: dict[str, Count]
    """Channels of each coupling group that are shared."""
    density: float | None = None
    """Of what hybrid's tasks add; None for other methods."""
    bytes: Bytes
    """Of the joint network's weights."""
    size_ratio: float
    """Joint / all separate networks."""
    predicted_error: float
    """Relative squared error before activation, summed over the layers."""
    output_error: dict[TaskName, float]
    """E‖joint − separate‖² / E‖separate‖² of the outputs on calibration data; no labels."""
    tasks: tuple[ZippedTask, ...]
    mean_increase_points: float | None
    """Of the error in percent, over the tasks; None without evaluation data."""
    is_pareto: bool
    """Whether no smaller or equal network has less error."""


class ZipSweep(Document):
    """The document; the largest network first."""

    format: Literal[1] = 1
    points: tuple[SweepPoint, ...]
