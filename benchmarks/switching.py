"""What the switches of a cell say together: where their time went, and each pair of tasks."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, median

from taskzip.benchmarks.units import format_ns
from taskzip.contracts.events import Switch
from taskzip.contracts.report import PairLatency, Row, SwitchSplit

PART_WORDS = {
    "unload_ns": "unload",
    "open_ns": "open, map",
    "prepare_ns": "prepare, pack",
    "other_ns": "choose",
    "first_touch_ns": "first touch",
    "run_ns": "run",
}
"""Parts of a switch and its first output, in the order in which they come."""


def split_of(switches: Sequence[Switch]) -> SwitchSplit | None:
    """The parts' means; None where there are no switches, or the runner did not tell them apart."""
    runs = [switch.first_run_ns for switch in switches if switch.first_run_ns is not None]
    if not switches or len(runs) < len(switches):
        return None
    steady = [inference for switch in switches for inference in switch.inference_ns]
    first_run = fmean(runs)
    run = min(first_run, median(steady)) if steady else first_run
    return SwitchSplit(
        unload_ns=fmean(switch.unload_ns for switch in switches),
        open_ns=fmean(switch.open_ns for switch in switches),
        prepare_ns=fmean(switch.prepare_ns for switch in switches),
        other_ns=fmean(switch.other_ns or 0 for switch in switches),
        first_touch_ns=first_run - run,
        run_ns=run,
        switch_minor_faults=fmean(s.minor_faults - (s.first_minor_faults or 0) for s in switches),
        switch_major_faults=fmean(s.major_faults - (s.first_major_faults or 0) for s in switches),
        first_minor_faults=fmean(switch.first_minor_faults or 0 for switch in switches),
        first_major_faults=fmean(switch.first_major_faults or 0 for switch in switches),
    )


def pairs_of(switches: Sequence[Switch]) -> tuple[PairLatency, ...]:
    """Every ordered pair of tasks that was switched, where the runner told what was left."""
    found: dict[tuple[str, str], list[Switch]] = defaultdict(list)
    for switch in switches:
        if switch.leaves is not None:
            found[switch.leaves, switch.task].append(switch)
    return tuple(
        PairLatency(
            leaves=leaves,
            enters=enters,
            switches=len(each),
            switch_ns=median(switch.switch_ns for switch in each),
            first_output_ns=median(switch.first_output_ns for switch in each),
        )
        for (leaves, enters), each in sorted(found.items())
    )


def split_words(row: Row) -> str:
    """Where a switch goes, `unload 12 µs, open, map 3.4 µs …`; the row has a split."""
    return ", ".join(
        f"{text} {format_ns(getattr(row.split, part))}" for part, text in PART_WORDS.items()
    )
