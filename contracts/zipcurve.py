"""`curve.json`: the error against the number of shared neurons, layer by layer."""

from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count, TaskName

CurveWay = Literal["random", "mtz", "mtz with refit"]


class CurvePoint(Document):
    """One zip: everything before the layer shared, of the layer `shared`, nothing behind it."""

    layer: str
    way: CurveWay
    shared: Count
    of: Count
    error_percent: dict[TaskName, float]


class ZipCurve(Document):
    """The document."""

    format: Literal[1] = 1
    separate_percent: dict[TaskName, float]
    """The networks as they were."""
    points: tuple[CurvePoint, ...]
