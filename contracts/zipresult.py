"""`zip.json`: what zipping did, what it cost, and what it did to the errors."""

from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Count, TaskName


class Cost(Document):
    """What the zip itself took on the host."""

    seconds: float
    peak_rss_bytes: Bytes


class ErrorPercent(Document):
    """Test error in percent before (`separate`) and after (`joint`), as the task's metric has it.

    Without labels it is told from the separate network's answers, so `separate` is 0.
    """

    separate: float
    joint: float


class Density(Document):
    """The part of a network's weights that are not zero, before and after; biases do not count."""

    separate: float
    joint: float


class ZippedTask(Document):
    """One task's error; None when the config gives no evaluation data."""

    name: TaskName
    error_percent: ErrorPercent | None
    density: Density | None = None
    """None when the network has no pruned layer."""


class Retraining(Document):
    """What training did."""

    iterations: Count
    """After the zip."""
    layer_iterations: Count = 0
    """After its layers, of all together."""
    stopped_early: bool
    seconds: float
    """Of the training after the zip; what follows a layer is part of the zip's cost."""


class Parameters(Document):
    """Numbers of weights: all separate networks, the joint one, and what it shares."""

    separate: Count
    joint: Count
    shared: Count


class StoredBytes(Document):
    """What the weights take in files: of all separate networks, and of the joint one."""

    separate: Bytes
    joint: Bytes


class ZippedLayer(Document):
    """A layer: how many of its output channels are shared, of how many in each task."""

    name: str
    shared: Count
    of: dict[TaskName, Count]


class DeadInputs(Document):
    """A layer of which some inputs are 0 in all of a task's calibration data.

    What reads them cannot be told from data: damping alone makes the layer's equations solvable.
    """

    task: TaskName
    layer: str
    dead: Count
    """Inputs of one output, each kernel element by itself; of a depthwise layer those of all."""
    of: Count
    damping: float
    """Added to the mean square of each input."""


class ZipResult(Document):
    """The document."""

    format: Literal[1] = 1
    cost: Cost
    tasks: tuple[ZippedTask, ...]
    parameters: Parameters
    bytes: StoredBytes | None = None
    """With the places of sparse entries, as they are stored."""
    layers: tuple[ZippedLayer, ...]
    notes: tuple[str, ...] = ()
    """What stayed private although it is no head, and why."""
    dead_inputs: tuple[DeadInputs, ...] = ()
    retrain: Retraining | None = None
    """None when the config asks for no retraining."""
