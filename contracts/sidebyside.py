"""`deploy compare --json`: what was measured at different times or of different bundles."""

from typing import Annotated, Literal

from pydantic import Field

from taskzip.contracts.conditions import Conditions
from taskzip.contracts.document import Document
from taskzip.contracts.names import CacheState, Count, Deployment, Runtime, TaskName
from taskzip.contracts.report import Verdict

Level = Literal["session", "block", "sample"]
"""What is drawn anew: a whole session, a block of it, or a switch with what belongs to it."""
ComparedMetric = Literal[
    "storage_bytes",
    "pss_above_start_bytes",
    "load_ns",
    "switch_ns",
    "first_output_ns",
    "inference_ns",
]
Probability = Annotated[float, Field(ge=0, le=1)]


class Side(Document):
    """One of what is compared; the first is the reference of all others."""

    name: str
    path: str
    sessions: Count
    conditions: Conditions
    """Of its first session."""


class Difference(Document):
    """A condition that differs and was allowed to."""

    field: str
    values: dict[str, str]
    """By the side's name."""


class Sampled(Document):
    """A side's figure."""

    median: float
    sessions: Count
    blocks: Count
    samples: Count
    outliers: Count
    """Samples beyond Tukey's outer fences; counted, never dropped."""


class Need(Document):
    """How many of what a side needs, all else equal, to decide with a power of 80 %."""

    count: Count
    level: Level


class ComparedFigure(Document):
    """A figure of one cell: other / reference."""

    runtime: Runtime
    deployment: Deployment
    cache: CacheState
    packed_cache: bool
    metric: ComparedMetric
    reference: str
    other: str
    sampled: tuple[Sampled, Sampled]
    """Of the reference and of the other."""
    ratio: float
    ci95: tuple[float, float] | None
    """Of this figure alone; None for figures that are counted, not sampled."""
    log_standard_error: float | None
    """Of the ratio's natural logarithm."""
    degrees_of_freedom: float | None
    paired: bool
    """Whether both sides took the same steps, which were then drawn together."""
    finest: float
    """The least difference from 1 that the clock's tick, or a page of memory, lets be seen."""
    within: float
    """Ratios from 1 − `within` to 1 + `within` are equivalent; never below `finest`."""
    cliffs_delta: Annotated[float, Field(ge=-1, le=1)] | None
    """Effect size: P(other > reference) − P(other < reference) of two samples."""
    p_different: Probability | None
    """This and what follows is None where nothing was sampled, or the figure is not valid."""
    p_corrected: Probability | None
    """The same with Holm's correction for all figures compared."""
    p_equivalent: Probability | None
    """Of two one-sided tests against `within`."""
    verdict: Verdict
    """What the other is."""
    reason: str | None
    """Why it is undecided."""
    to_decide: Need | None
    """None where nothing is sampled, or no number of samples would do."""


class PairedSwitch(Document):
    """Median `switch_ns` from one task to another, by the side's name."""

    runtime: Runtime
    deployment: Deployment
    cache: CacheState
    packed_cache: bool
    leaves: TaskName
    enters: TaskName
    medians_ns: dict[str, float]


class SideBySide(Document):
    """The document."""

    format: Literal[1] = 1
    sides: tuple[Side, ...]
    allowed: tuple[Difference, ...]
    figures: tuple[ComparedFigure, ...]
    switches: tuple[PairedSwitch, ...]
    only_in: dict[str, tuple[str, ...]]
    """Cells that some other side lacks, by the side that has them."""
    notes: tuple[str, ...]
