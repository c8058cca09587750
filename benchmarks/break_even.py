"""Where the joint network begins to win: `python -m taskzip.benchmarks.break_even DIR`.

Computed from the measured rows of `DIR/report.json` alone. A request is a switch and n inferences:
it takes the reload, what the first output takes beyond a steady inference, and n inferences. Joint
and separate networks differ in both, so they are equal at one n, if at all. Memory grows with the
tasks from what one loaded task takes (`joint-lazy`, `separate-swap`) to what all take (`joint`,
`separate-resident`), both measured, on a straight line. Durations within 5 % of each other count as
equal.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.settings import pss_above_start_bytes
from taskzip.benchmarks.statistics import EQUIVALENT_WITHIN
from taskzip.benchmarks.units import MIB
from taskzip.contracts.document import Document
from taskzip.contracts.names import RUNTIMES, CacheState, Deployment, Runtime
from taskzip.contracts.report import REPORT_FILE, Report, Row

SEPARATE: tuple[Deployment, ...] = ("separate-resident", "separate-lru", "separate-swap")
_NS_PER_S = 1e9


class Rate(Document):
    """The joint network beside separate ones, by how many inferences follow a switch."""

    runtime: Runtime
    cache: CacheState
    separate: Deployment
    ratio_of_one: float
    """A switch and one inference, separate / joint."""
    ratio_of_many: float
    """Inferences alone, separate / joint: what remains where tasks hardly switch."""
    inferences: float | None
    """After one switch, at which both take as long; None where one of them always wins."""
    switches_per_second: float | None
    """The same as a rate, of a processor that does nothing else."""


class Memory(Document):
    """All tasks loaded: joint against separate, by the number of tasks."""

    runtime: Runtime
    tasks: int
    """Of the measured bundle."""
    joint_bytes: int
    separate_bytes: int
    joint_bytes_per_task: float
    """What a further task adds."""
    separate_bytes_per_task: float
    break_even_tasks: float | None
    """From which on the joint network takes less; None where it never does."""


class BreakEven(Document):
    """What a report answers."""

    rates: tuple[Rate, ...]
    memory: tuple[Memory, ...]


def break_even(report: Report) -> BreakEven:
    """The answers for every runtime and page-cache state whose rows were measured."""
    rows = report.rows
    caches = tuple(dict.fromkeys(row.cache for row in rows))
    return BreakEven(
        rates=tuple(
            rate
            for runtime in RUNTIMES
            for cache in caches
            for rate in _rates([r for r in rows if (r.runtime, r.cache) == (runtime, cache)])
        ),
        memory=tuple(
            answer
            for runtime in RUNTIMES
            if (answer := _memory([row for row in rows if row.runtime == runtime]))
        ),
    )


def _rates(rows: Sequence[Row]) -> Iterator[Rate]:
    joint = _strongest(rows, "joint")
    for deployment in SEPARATE:
        separate = _strongest(rows, deployment)
        if joint and separate:
            yield _rate(joint, separate)


def _rate(joint: Row, separate: Row) -> Rate:
    one = (_first_ns(joint), _first_ns(separate))
    steady = (_steady_ns(joint), _steady_ns(separate))
    saved = max(one[1] - steady[1], 0) - max(one[0] - steady[0], 0)
    lost = steady[0] - steady[1]
    differ = saved * lost > 0 and not _is_equal(steady[1] / steady[0])
    inferences = saved / lost if differ else None
    period_ns = None if inferences is None else one[1] + (inferences - 1) * steady[1]
    return Rate(
        runtime=joint.runtime,
        cache=joint.cache,
        separate=separate.deployment,
        ratio_of_one=one[1] / one[0],
        ratio_of_many=steady[1] / steady[0],
        inferences=inferences,
        switches_per_second=_NS_PER_S / period_ns if period_ns else None,
    )


def _memory(rows: Sequence[Row]) -> Memory | None:
    tasks = len({task for row in rows for _, _, task in row.steps})
    sizes = {
        name: _least_bytes(rows, name)
        for name in ("joint", "joint-lazy", "separate-resident", "separate-swap")
    }
    if tasks < 2 or None in sizes.values():  # noqa: PLR2004 - a line needs two points
        return None
    all_joint, one_joint, all_separate, one_separate = (size or 0 for size in sizes.values())
    joint = (all_joint - one_joint) / (tasks - 1)
    separate = (all_separate - one_separate) / (tasks - 1)
    gained = separate - joint
    return Memory(
        runtime=rows[0].runtime,
        tasks=tasks,
        joint_bytes=all_joint,
        separate_bytes=all_separate,
        joint_bytes_per_task=joint,
        separate_bytes_per_task=separate,
        break_even_tasks=max(1 + (one_joint - one_separate) / gained, 1) if gained > 0 else None,
    )


def _strongest(rows: Sequence[Row], deployment: Deployment) -> Row | None:
    """The valid row with the shortest first output, with or without packed cache."""
    found = [row for row in rows if row.deployment == deployment and row.first_output_ns.median]
    return min(found, key=_first_ns, default=None)


def _first_ns(row: Row) -> float:
    return row.first_output_ns.median or 0.0


def _steady_ns(row: Row) -> float:
    return row.inference_ns.median or 0.0


def _least_bytes(rows: Sequence[Row], deployment: str) -> int | None:
    sizes = [pss_above_start_bytes(row) for row in rows if row.deployment == deployment]
    return min((size for size in sizes if size is not None), default=None)


def render_rates(found: BreakEven) -> Table:
    """A line per separate deployment and page-cache state."""
    table = Table("runtime", "cache", "beside", "a switch and 1 inference", "many", "joint wins")
    for rate in found.rates:
        table.add_row(
            rate.runtime,
            rate.cache,
            rate.separate,
            f"{rate.ratio_of_one:.2f} ×",
            f"{rate.ratio_of_many:.2f} ×",
            _verdict(rate),
        )
    table.caption = (
        "separate / joint, each with or without packed cache, whichever is quicker: of a switch "
        "with one inference, and of inferences alone"
    )
    return table


def _is_equal(ratio: float) -> bool:
    return abs(ratio - 1) <= EQUIVALENT_WITHIN


def _verdict(rate: Rate) -> str:
    if rate.inferences is None and _is_equal(rate.ratio_of_one):
        return "equal"
    if rate.inferences is None:
        return "always" if rate.ratio_of_one > 1 else "never"
    sense = "below" if rate.ratio_of_one > 1 else "above"
    return f"{sense} {rate.inferences:.1f} inferences a switch ({rate.switches_per_second:.1f}/s)"


def render_memory(found: BreakEven) -> Table:
    """A line per runtime."""
    table = Table("runtime", "tasks", "joint", "separate", "a further task", "joint takes less")
    for each in found.memory:
        further = (each.joint_bytes_per_task, each.separate_bytes_per_task)
        table.add_row(
            each.runtime,
            str(each.tasks),
            f"{each.joint_bytes / MIB:.2f} MiB",
            f"{each.separate_bytes / MIB:.2f} MiB",
            " against ".join(f"{size / MIB:.2f}" for size in further) + " MiB",
            "never"
            if each.break_even_tasks is None
            else f"from {each.break_even_tasks:.1f} tasks on",
        )
    table.caption = "PSS above the start, all tasks loaded; lines through one and all tasks"
    return table


def main(
    folder: Annotated[Path, typer.Argument(help="Folder that was measured in.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
) -> None:
    """Say where the joint network begins to win, and by how much."""
    with errors_told():
        found = break_even(Report.read(folder / REPORT_FILE))
    Console().print(render_rates(found), render_memory(found))
    if json_file is not None:
        found.write(json_file)


if __name__ == "__main__":
    typer.run(main)
