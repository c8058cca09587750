"""`compare.json`: several ways of zipping the same networks, side by side."""

from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count, TaskName, ZipMethod
from taskzip.contracts.zipresult import ZippedTask


class ComparedZip(Document):
    """One way: a method, with the refit or without."""

    method: ZipMethod
    refit: bool
    seconds: float
    parameters: Count
    """Of the joint network."""
    size_ratio: float
    """Joint / all separate networks."""
    tasks: tuple[ZippedTask, ...]
    output_error: dict[TaskName, float]
    """E‖joint − separate‖² / E‖separate‖² of the outputs on calibration data; no labels."""
    mean_increase_points: float | None
    """Of the error in percent, over the tasks; None without evaluation data."""


class ZipComparison(Document):
    """The document; ways that cannot zip these networks are named with the reason."""

    format: Literal[1] = 1
    zips: tuple[ComparedZip, ...]
    left_out: dict[str, str]
