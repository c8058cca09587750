"""Who wins under which memory limit, from `pressure.json`."""

from collections.abc import Iterator, Sequence

from taskzip.benchmarks.break_even.rates import SEPARATE, Ratios, Side, ratios
from taskzip.benchmarks.pressure.result import Point, Pressed
from taskzip.contracts.document import Document
from taskzip.contracts.names import RUNTIMES, Bytes, Count, Deployment, Runtime

JOINT: tuple[Deployment, ...] = ("joint", "joint-lazy")


class UnderLimit(Document):
    """The quickest joint deployment beside the quickest separate one, by their means."""

    runtime: Runtime
    tasks: Count
    limit_bytes: Bytes
    joint: Deployment | None
    """None where the system killed all of them."""
    separate: Deployment | None
    ratios: Ratios | None
    """None where one of both is."""


def limits_of(pressed: Pressed) -> tuple[UnderLimit, ...]:
    """Of each runtime, the largest limit first; where joint and separate were measured."""
    limits = sorted({point.limit_bytes for point in pressed.points}, reverse=True)
    return tuple(
        _under(points, pressed.tasks)
        for runtime in RUNTIMES
        for limit in limits
        if _has_both(points := list(_at(pressed, runtime, limit)))
    )


def _at(pressed: Pressed, runtime: Runtime, limit_bytes: int) -> Iterator[Point]:
    for point in pressed.points:
        if (point.runtime, point.limit_bytes) == (runtime, limit_bytes):
            yield point


def _has_both(points: Sequence[Point]) -> bool:
    measured = {point.deployment for point in points}
    return all(not measured.isdisjoint(side) for side in (JOINT, SEPARATE))


def _under(points: Sequence[Point], tasks: int) -> UnderLimit:
    joint, separate = _quickest(points, JOINT), _quickest(points, SEPARATE)
    return UnderLimit(
        runtime=points[0].runtime,
        tasks=tasks,
        limit_bytes=points[0].limit_bytes,
        joint=joint.deployment if joint else None,
        separate=separate.deployment if separate else None,
        ratios=ratios(_side(joint), _side(separate)) if joint and separate else None,
    )


def _quickest(points: Sequence[Point], among: Sequence[Deployment]) -> Point | None:
    done = [each for each in points if each.deployment in among and each.ended == "done"]
    return min(done, key=lambda point: point.mean_first_output_ns or 0.0, default=None)


def _side(point: Point) -> Side:
    return Side(point.mean_first_output_ns or 0.0, point.inference_ns or 0.0)
