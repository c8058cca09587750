"""One run under a limit, and how it ended."""

from taskzip.benchmarks.experiment import RunsSpecs
from taskzip.benchmarks.pressure.result import Point, point_of
from taskzip.contracts.events import Event
from taskzip.contracts.record import Cell
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import RunnerFailed
from taskzip.device.launch import KILLED


def run_point(device: RunsSpecs, spec: RunSpec, cell: Cell, limit_bytes: int) -> Point:
    """What a run came to; that the system killed it is a result, whatever it had said before."""
    events: list[Event] = []
    try:
        events.extend(device.run(spec))
    except RunnerFailed as failure:
        if failure.code != KILLED:
            raise
        return point_of(cell, limit_bytes, (), killed=True)
    return point_of(cell, limit_bytes, events, killed=False)
