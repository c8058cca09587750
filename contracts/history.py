"""The history: what was measured, night after night; entries are added, never changed."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from taskzip.contracts.conditions import Conditions
from taskzip.contracts.document import Document
from taskzip.contracts.names import CacheState, Count, Deployment, Runtime, Sha256
from taskzip.contracts.report import Row
from taskzip.contracts.sidebyside import ComparedMetric

SubjectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$")]
"""What is measured again and again: a bundle, or a recipe that makes one."""
Role = Literal["candidate", "reference"]


class Entry(Document):
    """What one session measured of one subject, raw samples in its rows."""

    format: Literal[1] = 1
    subject: SubjectName
    role: Role = "candidate"
    """A reference is pinned: the same bundle in every session."""
    reference: Sha256 | None = None
    """The entry of the reference that was measured in the same session, run by run."""
    night: Annotated[str, Field(max_length=100)] | None = None
    """Which job took it; sessions of one night count once in a trend."""
    conditions: Conditions
    bundle_sha256: Sha256 | None = None
    """Of the model files' names and contents."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Of what made the bundle's files."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]


class ListedEntry(Document):
    """An entry without its rows."""

    sha256: Sha256
    """Of the entry's line: its name."""
    subject: SubjectName
    role: Role
    reference: Sha256 | None
    night: str | None
    device: str
    """What must be the same in a trend: kind, clock, memory, flash; of a phone also its serial."""
    measured_at: str
    """ISO 8601, UTC."""
    bundle_sha256: Sha256 | None


class Series(Document):
    """Names a figure of one row, followed from entry to entry on one device."""

    subject: SubjectName
    role: Role
    device: str
    runtime: Runtime
    deployment: Deployment
    cache: CacheState
    packed_cache: bool
    metric: ComparedMetric


class Point(Document):
    """A figure of one entry."""

    entry: Sha256
    night: str | None
    measured_at: str
    median: float
    samples: Count
    reference_median: float | None
    """Of the same figure of the reference, where one was measured in the same session."""


class Change(Document):
    """From one entry on, the level is another."""

    entry: Sha256
    night: str | None
    measured_at: str
    ratio: float
    """Of the medians of what came after, until the next change, and before it, since the last."""
    p: Annotated[float, Field(ge=0, le=1)]
    """How often a random order of the same values divides as well."""


class Trend(Document):
    """A series with its points, the oldest first; figures that are not valid are left out."""

    series: Series
    points: tuple[Point, ...]
    is_relative: bool
    """Whether changes are of the ratio to the reference, which every point then has."""
    changes: tuple[Change, ...]


class Trends(Document):
    """`deploy history trend --json`."""

    format: Literal[1] = 1
    trends: tuple[Trend, ...]
