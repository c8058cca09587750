"""One run under a limit, and how it ended."""

from taskzip.benchmarks.experiment import RunsSpecs
from taskzip.benchmarks.pressure.result import Point, point_of
from taskzip.benchmarks.units import MIB
from taskzip.contracts.errors import BadInput
from taskzip.contracts.events import Event
from taskzip.contracts.record import Cell
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import RunnerFailed
from taskzip.device.launch import KILLED
from taskzip.device.session import Session


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


def run_beside_ballast(session: Session, spec: RunSpec, cell: Cell, limit_bytes: int) -> Point:
    """A run beside ballast that leaves about so much of the device's memory.

    BadInput when the device has no more than that; RunnerFailed when the ballast is lost.
    """
    available = session.available_bytes()
    spare_mib = (available - limit_bytes) // MIB
    if spare_mib < 1:
        raise BadInput(
            f"a limit of {limit_bytes // MIB} MiB is no limit where {available // MIB} MiB are "
            "available; give a lower one"
        )
    with session.ballast(spare_mib) as ballast:
        left = session.available_bytes()
        point = run_point(session, spec, cell, limit_bytes)
        ballast.refuse_lost()
    return point.model_copy(update={"available_bytes": left})
