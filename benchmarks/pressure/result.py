"""What each deployment does with how much memory."""

from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Literal

from rich.table import Table

from taskzip.benchmarks.units import ABSENT, MIB, format_ns
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.document import Document
from taskzip.contracts.events import Event, Pressure, Switch
from taskzip.contracts.names import Bytes, Count, Deployment, Runtime
from taskzip.contracts.record import Cell

PRESSURE_FILE = "pressure.json"

Means = Literal["group", "ballast"]
"""Of limiting memory: a control group of the runner's, or a process that holds the rest."""

_MEANS: dict[Means, str] = {
    "group": "limit of a control group",
    "ballast": "ballast holds what was available beyond the limit",
}


class Point(Document):
    """One deployment under one limit; figures are None where the system killed the runner."""

    runtime: Runtime
    deployment: Deployment
    packed_cache: bool
    limit_bytes: Bytes
    ended: Literal["done", "killed"]
    available_bytes: Bytes | None = None
    """What ballast left, of the whole device; None under a control group."""
    first_output_ns: float | None = None
    """Median over the measured switches."""
    mean_first_output_ns: float | None = None
    inference_ns: float | None = None
    major_faults: float | None = None
    """Of a switch and its first output, in the mean."""
    pressure: Pressure | None = None
    """Of the whole walk, loading and warm-ups among it."""


class Pressed(Document):
    """`pressure.json`."""

    format: Literal[1] = 1
    conditions: Conditions
    tasks: Count
    switches: Count
    by: Means = "group"
    points: tuple[Point, ...]


def point_of(cell: Cell, limit_bytes: int, events: Sequence[Event], *, killed: bool) -> Point:
    """What a run's events say; of one that was killed only that it was."""
    of_cell = cell.model_dump(exclude={"cache"})
    if killed:
        return Point(**of_cell, limit_bytes=limit_bytes, ended="killed")
    switches = [each for each in events if isinstance(each, Switch) and not each.warmup]
    first_outputs = [switch.first_output_ns for switch in switches]
    return Point(
        **of_cell,
        limit_bytes=limit_bytes,
        ended="done",
        first_output_ns=median(first_outputs),
        mean_first_output_ns=fmean(first_outputs),
        inference_ns=median(inference for switch in switches for inference in switch.inference_ns),
        major_faults=fmean(switch.major_faults for switch in switches),
        pressure=next((each for each in events if isinstance(each, Pressure)), None),
    )


def told(point: Point) -> str:
    """A line: which point it is, and how it ended."""
    limit = f"{point.limit_bytes // MIB} MiB"
    return f"{point.runtime} {point.deployment} under {limit}: {_words(point)}"


def smallest_limits(points: Iterable[Point]) -> dict[tuple[Runtime, Deployment], int]:
    """The least memory, of those tried, in which a deployment came to its end in any setting."""
    found: dict[tuple[Runtime, Deployment], int] = {}
    for point in points:
        if point.ended == "done":
            key = point.runtime, point.deployment
            found[key] = min(found.get(key, point.limit_bytes), point.limit_bytes)
    return found


def render(pressed: Pressed) -> Table:
    """A line per deployment, a column per limit: the better of both packed-cache settings."""
    limits = sorted({point.limit_bytes for point in pressed.points}, reverse=True)
    table = Table("runtime", "deployment", *(f"{limit // MIB} MiB" for limit in limits))
    names = dict.fromkeys((point.runtime, point.deployment) for point in pressed.points)
    for runtime, deployment in names:
        cells = [_best(pressed.points, runtime, deployment, limit) for limit in limits]
        table.add_row(runtime, deployment, *(_words(cell) for cell in cells))
    table.caption = (
        f"mean first output after a switch, and refaults (pages) of the whole walk: "
        f"{pressed.tasks} tasks, {pressed.switches} switches, "
        f"{pressed.conditions.workload} workload, page cache as it comes; {_MEANS[pressed.by]}"
    )
    return table


def _best(
    points: Iterable[Point], runtime: Runtime, deployment: Deployment, limit_bytes: int
) -> Point | None:
    """The setting with the lowest mean first output; a killed one if all were."""
    found = [
        point
        for point in points
        if (point.runtime, point.deployment, point.limit_bytes)
        == (runtime, deployment, limit_bytes)
    ]
    done = [point for point in found if point.mean_first_output_ns is not None]
    return min(done, key=lambda p: p.mean_first_output_ns or 0) if done else next(iter(found), None)


def _words(point: Point | None) -> str:
    if point is None:
        return ABSENT
    if point.ended == "killed":
        return "killed"
    refaults = point.pressure.refaulted_file_pages if point.pressure else None
    packed = " packed" if point.packed_cache else ""
    told = "" if refaults is None else f", {refaults:,}"
    return f"{format_ns(point.mean_first_output_ns)}{told}{packed}"
