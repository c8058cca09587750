"""Records sorted by cell: what rows and comparisons are computed from."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from taskzip.benchmarks.journal import finished
from taskzip.contracts.events import Done, Load, Memory, Phase, Switch
from taskzip.contracts.names import CacheState
from taskzip.contracts.record import Cell, Record

Step = tuple[int, int, str]
"""Block, index in its sequence, task: names a switch across deployments."""


@dataclass
class Measures:
    """All that was taken of one cell; switches by block and index."""

    cell: Cell
    loads: list[Load] = field(default_factory=list)
    switches: dict[Step, Switch] = field(default_factory=dict)
    warmups: list[Switch] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    memory_cache: CacheState | None = None
    packed_cache_bytes: int = 0

    def phase(self, phase: Phase) -> Memory | None:
        """The last reading of a phase."""
        readings = [reading for reading in self.memory if reading.phase == phase]
        return readings[-1] if readings else None


def measures_by_cell(records: Iterable[Record]) -> dict[Cell, Measures]:
    """The measures of every cell of which some run ended well.

    A cell whose memory was not read shows that of the same cell in another page-cache state.
    """
    runs: dict[str, list[Record]] = defaultdict(list)
    for record in finished(records):
        if record.mode != "parity":
            runs[record.run].append(record)
    cells: dict[Cell, Measures] = {}
    for run in runs.values():
        _add(cells.setdefault(run[0].cell, Measures(run[0].cell)), run)
    for measures in cells.values():
        measures.switches = dict(sorted(measures.switches.items()))
        if not measures.memory:
            _borrow_memory(measures, cells)
    return cells


def _add(measures: Measures, run: list[Record]) -> None:
    for record in run:
        event = record.event
        if isinstance(event, Switch) and event.warmup:
            measures.warmups.append(event)
        elif isinstance(event, Switch):
            measures.switches[record.block, event.index, event.task] = event
        elif isinstance(event, Load):
            measures.loads.append(event)
        elif isinstance(event, Memory):
            measures.memory.append(event)
            measures.memory_cache = measures.cell.cache
        elif isinstance(event, Done):
            measures.packed_cache_bytes = event.packed_cache_bytes


def _borrow_memory(measures: Measures, cells: dict[Cell, Measures]) -> None:
    for other in cells.values():
        same = other.cell.model_copy(update={"cache": measures.cell.cache}) == measures.cell
        if same and other.memory_cache == other.cell.cache:
            measures.memory, measures.memory_cache = other.memory, other.memory_cache
            return
