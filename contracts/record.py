"""A record: one line of `records.jsonl`, an event of the runner with the run it belongs to."""

from taskzip.contracts.document import Document
from taskzip.contracts.events import Event
from taskzip.contracts.names import CacheState, Count, Deployment, RelativePath, Runtime
from taskzip.contracts.runspec import Mode


class Cell(Document):
    """What is compared: one row of the report."""

    runtime: Runtime
    deployment: Deployment
    cache: CacheState
    packed_cache: bool


class Record(Document):
    """One event, kept raw; warm-ups are kept and marked, never dropped."""

    run: RelativePath
    cell: Cell
    mode: Mode
    block: Count
    """Which round of the interleaved rounds of one session."""
    event: Event
