"""From how many tasks on the joint network takes less memory.

The curves go through what one loaded task takes (`joint-lazy`, `separate-swap`) and what all take
(`joint`, `separate-resident`) in each report; between the points, and beyond the last, they are
straight.
"""

from collections.abc import Iterator, Sequence

from taskzip.benchmarks.break_even.rates import tasks_of
from taskzip.benchmarks.settings import pss_above_start_bytes
from taskzip.benchmarks.statistics import EQUIVALENT_WITHIN
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES, Bytes, Count, Deployment, Runtime
from taskzip.contracts.report import Report, Row


class Loaded(Document):
    """So many tasks, all loaded: PSS above the start."""

    tasks: Count
    joint_bytes: Bytes
    separate_bytes: Bytes

    @property
    def saved_bytes(self) -> int:
        """By the joint network; negative where it takes more."""
        return self.separate_bytes - self.joint_bytes


class Memory(Document):
    """Joint against separate, by the number of tasks."""

    runtime: Runtime
    measured: tuple[Loaded, ...]
    """By rising numbers of tasks, the first of them 1."""
    joint_bytes_per_task: float
    """What a task beyond the last adds."""
    separate_bytes_per_task: float
    break_even_tasks: float | None
    """From which on the joint network takes less; None where it never does."""


def memory_of(reports: Sequence[Report]) -> tuple[Memory, ...]:
    """Of each runtime that was measured; BadInput when the reports are of different networks."""
    return tuple(
        _memory(runtime, points) for runtime in RUNTIMES if (points := _points(reports, runtime))
    )


def _points(reports: Sequence[Report], runtime: Runtime) -> list[Loaded]:
    rows = [[row for row in report.rows if row.runtime == runtime] for report in reports]
    _refuse_different_networks([each for each in rows if each])
    found: dict[int, Loaded] = {}
    for point in (point for each in rows for point in _points_of(each)):
        found.setdefault(point.tasks, point)
    return [found[tasks] for tasks in sorted(found)]


def _points_of(rows: Sequence[Row]) -> Iterator[Loaded]:
    """Nothing where not all four deployments were measured: a line needs two points."""
    names: tuple[Deployment, ...] = ("joint-lazy", "separate-swap", "joint", "separate-resident")
    sizes = [size for name in names if (size := _least_bytes(rows, name)) is not None]
    tasks = tasks_of(rows)
    if len(sizes) == len(names) and tasks > 1:
        yield Loaded(tasks=1, joint_bytes=sizes[0], separate_bytes=sizes[1])
        yield Loaded(tasks=tasks, joint_bytes=sizes[2], separate_bytes=sizes[3])


def _memory(runtime: Runtime, points: Sequence[Loaded]) -> Memory:
    before, last = points[-2:]
    further = last.tasks - before.tasks
    return Memory(
        runtime=runtime,
        measured=tuple(points),
        joint_bytes_per_task=(last.joint_bytes - before.joint_bytes) / further,
        separate_bytes_per_task=(last.separate_bytes - before.separate_bytes) / further,
        break_even_tasks=_break_even(points),
    )


def _break_even(points: Sequence[Loaded]) -> float | None:
    if points[0].saved_bytes >= 0 and points[-1].saved_bytes >= 0:
        return 1.0
    crossed = (i for i in range(1, len(points)) if points[i].saved_bytes >= 0)
    end = next(crossed, len(points) - 1)
    before, after = points[end - 1], points[end]
    gained = (after.saved_bytes - before.saved_bytes) / (after.tasks - before.tasks)
    return before.tasks - before.saved_bytes / gained if gained > 0 else None


def _least_bytes(rows: Sequence[Row], deployment: Deployment) -> int | None:
    sizes = [pss_above_start_bytes(row) for row in rows if row.deployment == deployment]
    return min((size for size in sizes if size is not None), default=None)


def _refuse_different_networks(reports: Sequence[Sequence[Row]]) -> None:
    """A separate file is as large in each."""
    sizes = [
        row.model_bytes / tasks_of(rows)
        for rows in reports
        for row in rows
        if row.deployment == "separate-swap" and tasks_of(rows)
    ]
    if sizes and max(sizes) > min(sizes) * (1 + EQUIVALENT_WITHIN):
        raise BadInput(
            f"the reports are of different networks: a separate file has {min(sizes):,.0f} bytes "
            f"in one and {max(sizes):,.0f} in another; give reports of the same network with "
            "different numbers of tasks"
        )
