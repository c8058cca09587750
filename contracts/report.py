"""`report.json`: rows, comparisons and parity of one session, with the conditions."""

from typing import Literal

from pydantic import Field

from taskzip.contracts.battery import Battery
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.document import Document
from taskzip.contracts.events import MemoryParts
from taskzip.contracts.ledger import Ledger
from taskzip.contracts.names import (
    Bytes,
    CacheState,
    Count,
    Deployment,
    LayerForm,
    Nanoseconds,
    RelativePath,
    Runtime,
    TaskName,
)
from taskzip.contracts.zipresult import ZipResult

REPORT_FILE = "report.json"

Verdict = Literal["faster", "slower", "smaller", "larger", "equivalent", "undecided"]


class Latency(Document):
    """Raw samples in the order taken (warm-ups apart), their median and its 95 % interval.

    Median and interval are None where nothing was sampled; the row is then not valid.
    """

    samples: tuple[Nanoseconds, ...]
    warmups: tuple[Nanoseconds, ...] = ()
    median: float | None
    ci95: tuple[float, float] | None


class SwitchSplit(Document):
    """Where the time from the request to the first output goes: means over the measured switches.

    The parts add up to the mean of `first_output_ns`, the first four to that of `switch_ns`.
    """

    unload_ns: float
    open_ns: float
    prepare_ns: float
    other_ns: float
    first_touch_ns: float
    """What the first inference takes beyond a steady one: faults of what it touches first."""
    run_ns: float
    """As long as a steady inference, or the first where that is shorter."""
    switch_minor_faults: float
    switch_major_faults: float
    first_minor_faults: float
    first_major_faults: float


class PairLatency(Document):
    """Medians of the switches from one task to another."""

    leaves: TaskName
    enters: TaskName
    switches: Count
    switch_ns: float
    first_output_ns: float


class Row(Document):
    """One cell: storage, memory and latency, and whether its conditions were reached.

    Memory is None where no memory run ended well; the row is then not valid.
    """

    runtime: Runtime
    deployment: Deployment
    cache: CacheState
    packed_cache: bool
    storage_bytes: Bytes
    """Model files of the deployment and the packed caches that the runtime wrote beside them."""
    model_bytes: Bytes
    packed_cache_bytes: Bytes
    runtime_pss_bytes: Bytes | None
    """PSS of the runner with the runtime loaded and nothing else."""
    start_pss_bytes: Bytes | None
    """PSS after the runtime loaded, ran and released the tiny network: the baseline."""
    pss_bytes: Bytes | None
    """PSS after the last switch of the walk, every task having run."""
    peak_pss_bytes: Bytes | None
    uss_bytes: Bytes | None
    start_parts: MemoryParts | None = None
    """What `start_pss_bytes` is made of."""
    parts: MemoryParts | None = None
    """What `pss_bytes` and `uss_bytes` are made of."""
    memory_cache: CacheState | None
    """Page-cache state of the run that the memory was read in; it may be another cell's."""
    load_ns: Latency
    switch_ns: Latency
    first_output_ns: Latency
    inference_ns: Latency
    steps: tuple[tuple[Count, Count, TaskName], ...] = ()
    """Of each switch its block, its place in the block's sequence, and the task it enters."""
    split: SwitchSplit | None = None
    """None in reports of records of contract 2."""
    pairs: tuple[PairLatency, ...] = ()
    """Every ordered pair of tasks that was switched, in the order of their names."""
    resident_fraction: float | None
    """Median over the measured switches of the part of the files in the page cache before."""
    valid: bool
    reasons: tuple[str, ...] = ()
    """Why the row is not valid; empty when it is."""


class Comparison(Document):
    """Joint against a baseline; `expression` spells out which figure is divided by which."""

    runtime: Runtime
    metric: str
    joint: str
    baseline: str
    expression: str
    ratio: float
    ci95: tuple[float, float] | None
    """None for figures that are counted, not sampled."""
    bar: str | None = None
    holds: bool | None = None
    """Whether the bar is met; None where no bar applies."""
    verdict: Verdict


class Parity(Document):
    """A file's output for one task on the device against torch on the host."""

    file: RelativePath
    task: TaskName
    packed_cache: bool = False
    """Whether the weights came from a packed cache that another run had left."""
    max_abs_error: float | None
    """None when some output is not a finite number, or was not written."""
    allowed: float
    ok: bool


class Pushed(Document):
    """What went over the wire."""

    files: Count
    bytes: Bytes
    skipped_files: Count
    skipped_bytes: Bytes
    bytes_per_second: Count | None


class Report(Document):
    """The document."""

    format: Literal[1] = 1
    conditions: Conditions
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    parity: tuple[Parity, ...]
    forms: dict[Runtime, dict[str, LayerForm]] = Field(default_factory=dict)
    """Of each runtime's joint file: the form of the layers that tasks share in part."""
    pushed: Pushed | None = None
    battery: Battery | None = None
    """The phone's own counters; None where it does not tell, as on the emulated device."""
    zip: ZipResult | None = None
    ledger: Ledger | None = None
    """What the model files hold, where the export told it."""
