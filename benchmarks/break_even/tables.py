"""The answers as tables."""

from collections.abc import Sequence

from rich.table import Table

from taskzip.benchmarks.break_even.limits import UnderLimit
from taskzip.benchmarks.break_even.memory import Memory
from taskzip.benchmarks.break_even.rates import Rate, Ratios, is_equal
from taskzip.benchmarks.units import ABSENT, MIB


def render_rates(rates: Sequence[Rate]) -> Table:
    """A line per report, separate deployment and page-cache state."""
    columns = ("runtime", "tasks", "limit", "cache", "beside", "a switch and 1 inference", "many")
    table = Table(*columns, "joint wins")
    for rate in rates:
        table.add_row(
            rate.runtime,
            str(rate.tasks),
            _limit(rate.memory_limit_bytes),
            rate.cache,
            rate.separate,
            *_words(rate),
        )
    table.caption = (
        "separate / joint, each with or without packed cache, whichever is quicker: of a switch "
        "with one inference, and of inferences alone"
    )
    return table


def render_memory(curves: Sequence[Memory]) -> Table:
    """A line per runtime and number of tasks."""
    table = Table("runtime", "tasks", "joint", "separate", "a further task", "joint takes less")
    for each in curves:
        further = (each.joint_bytes_per_task, each.separate_bytes_per_task)
        answer = each.break_even_tasks
        for point in each.measured:
            is_last = point is each.measured[-1]
            table.add_row(
                each.runtime,
                str(point.tasks),
                f"{point.joint_bytes / MIB:.2f} MiB",
                f"{point.separate_bytes / MIB:.2f} MiB",
                " against ".join(f"{size / MIB:.2f}" for size in further) + " MiB"
                if is_last
                else "",
                ("never" if answer is None else f"from {answer:.1f} tasks on") if is_last else "",
            )
    table.caption = "PSS above the start, all tasks loaded; straight lines between measured points"
    return table


def render_limits(limits: Sequence[UnderLimit]) -> Table:
    """A line per runtime, number of tasks and memory limit."""
    columns = ("runtime", "tasks", "limit", "joint", "separate", "a switch and 1 inference", "many")
    table = Table(*columns, "joint wins")
    for each in limits:
        table.add_row(
            each.runtime,
            str(each.tasks),
            _limit(each.limit_bytes),
            each.joint or "killed",
            each.separate or "killed",
            *(_words(each.ratios) if each.ratios else (ABSENT, ABSENT, _survivor(each))),
        )
    table.caption = (
        "separate / joint: means, the quickest deployment measured of each that came to its end"
    )
    return table


def _words(found: Ratios) -> tuple[str, str, str]:
    return f"{found.ratio_of_one:.2f} ×", f"{found.ratio_of_many:.2f} ×", _verdict(found)


def _verdict(found: Ratios) -> str:
    if found.inferences is None and is_equal(found.ratio_of_one):
        return "equal"
    if found.inferences is None:
        return "always" if found.ratio_of_one > 1 else "never"
    sense = "below" if found.ratio_of_one > 1 else "above"
    return f"{sense} {found.inferences:.1f} inferences a switch ({found.switches_per_second:.1f}/s)"


def _survivor(each: UnderLimit) -> str:
    if each.joint:
        return "always: it alone runs"
    return "never: separate alone run" if each.separate else "neither runs"


def _limit(limit_bytes: int | None) -> str:
    return "none" if limit_bytes is None else f"{limit_bytes // MIB} MiB"
