"""`zip.json`: what zipping did, what it cost, and what it did to the errors."""

from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Count, TaskName


class Cost(Document):
    """What the zip itself took on the host."""

    seconds: float
    peak_rss_bytes: Bytes


class ErrorPercent(Document):
    """Test error in percent before (`separate`) and after (`joint`)."""

    separate: float
    joint: float


class ZippedTask(Document):
    """One task's error; None when the config gives no evaluation data."""

    name: TaskName
    error_percent: ErrorPercent | None


class Parameters(Document):
    """Numbers of weights: all separate networks, the joint one, and what it shares."""

    separate: Count
    joint: Count
    shared: Count


class ZippedLayer(Document):
    """A layer: how many of its output channels are shared, of how many in each task."""

    name: str
    shared: Count
    of: dict[TaskName, Count]


class ZipResult(Document):
    """The document."""

    format: Literal[1] = 1
    cost: Cost
    tasks: tuple[ZippedTask, ...]
    parameters: Parameters
    layers: tuple[ZippedLayer, ...]
    notes: tuple[str, ...] = ()
    """What stayed private although it is no head, and why."""
