"""How many inferences a switch, or which rate of switches, decides who is quicker.

A request is a switch and n inferences: it takes the reload, what the first output takes beyond a
steady inference, and n inferences. Joint and separate networks differ in both, so they are equal at
one n, if at all. Durations within 5 % of each other count as equal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskzip.benchmarks.statistics import EQUIVALENT_WITHIN
from taskzip.contracts.document import Document
from taskzip.contracts.names import RUNTIMES, Bytes, CacheState, Count, Deployment, Runtime
from taskzip.contracts.report import Report, Row

SEPARATE: tuple[Deployment, ...] = ("separate-resident", "separate-lru", "separate-swap")
_NS_PER_S = 1e9


class Ratios(Document):
    """The joint network beside separate ones, by how many inferences follow a switch."""

    ratio_of_one: float
    """A switch and one inference, separate / joint."""
    ratio_of_many: float
    """Inferences alone, separate / joint: what remains where tasks hardly switch."""
    inferences: float | None
    """After one switch, at which both take as long; None where one of them always wins."""
    switches_per_second: float | None
    """The same as a rate, of a processor that does nothing else."""


class Rate(Ratios):
    """Of a report."""

    runtime: Runtime
    tasks: Count
    memory_limit_bytes: Bytes | None
    cache: CacheState
    separate: Deployment


@dataclass(frozen=True)
class Side:
    """What one of both takes, in nanoseconds."""

    first_output_ns: float
    inference_ns: float


def ratios(joint: Side, separate: Side) -> Ratios:
    """One beside the other."""
    saved = _reload_ns(separate) - _reload_ns(joint)
    lost = joint.inference_ns - separate.inference_ns
    of_many = separate.inference_ns / joint.inference_ns
    differ = saved * lost > 0 and not is_equal(of_many)
    inferences = saved / lost if differ else None
    return Ratios(
        ratio_of_one=separate.first_output_ns / joint.first_output_ns,
        ratio_of_many=of_many,
        inferences=inferences,
        switches_per_second=None if inferences is None else _NS_PER_S / _ns(separate, inferences),
    )


def rates_of(report: Report) -> tuple[Rate, ...]:
    """Of every runtime and page-cache state whose rows were measured."""
    caches = dict.fromkeys(row.cache for row in report.rows)
    return tuple(
        rate for runtime in RUNTIMES for cache in caches for rate in _rates(report, runtime, cache)
    )


def tasks_of(rows: Sequence[Row]) -> int:
    """How many were switched between; the first of a sequence may only be left."""
    entered = {task for row in rows for _, _, task in row.steps}
    return len(entered | {pair.leaves for row in rows for pair in row.pairs})


def is_equal(ratio: float) -> bool:
    """As near to 1 as makes no difference."""
    return abs(ratio - 1) <= EQUIVALENT_WITHIN


def _rates(report: Report, runtime: Runtime, cache: CacheState) -> Iterator[Rate]:
    rows = [row for row in report.rows if (row.runtime, row.cache) == (runtime, cache)]
    joint = _strongest(rows, "joint")
    for deployment in SEPARATE:
        separate = _strongest(rows, deployment)
        if joint and separate:
            yield Rate(
                **ratios(joint, separate).model_dump(),
                runtime=runtime,
                tasks=tasks_of(rows),
                memory_limit_bytes=report.conditions.memory_limit_bytes,
                cache=cache,
                separate=deployment,
            )


def _strongest(rows: Sequence[Row], deployment: Deployment) -> Side | None:
    """With or without packed cache, whichever has the shorter first output."""
    sides = [
        Side(row.first_output_ns.median, row.inference_ns.median)
        for row in rows
        if row.deployment == deployment and row.first_output_ns.median and row.inference_ns.median
    ]
    return min(sides, key=lambda side: side.first_output_ns, default=None)


def _reload_ns(side: Side) -> float:
    return max(side.first_output_ns - side.inference_ns, 0)


def _ns(side: Side, inferences: float) -> float:
    return side.first_output_ns + (inferences - 1) * side.inference_ns
