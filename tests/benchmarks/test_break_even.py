from collections.abc import Callable

import pytest
from rich.console import Console

from taskzip.benchmarks.break_even import break_even, render_memory, render_rates
from taskzip.benchmarks.measures import measures_by_cell
from taskzip.benchmarks.rows import make_row
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.names import Deployment
from taskzip.contracts.record import Record
from taskzip.contracts.report import Latency, Report

MakeReport = Callable[[dict[Deployment, dict[str, object]]], Report]


@pytest.fixture
def make_report(records: tuple[Record, ...], bundle: Bundle, conditions: Conditions) -> MakeReport:
    """A report of one runtime, warm, with these figures of its deployments."""
    found = measures_by_cell(records).values()
    rows = [make_row(measures, bundle) for measures in found]

    def make(figures: dict[Deployment, dict[str, object]]) -> Report:
        kept = [
            row.model_copy(update=figures[row.deployment])
            for row in rows
            if row.runtime == "litert"
            and row.deployment in figures
            and (row.cache, row.packed_cache) == ("warm", False)
        ]
        return Report(conditions=conditions, rows=tuple(kept), comparisons=(), parity=())

    return make


def takes(first_output_ns: int, inference_ns: int) -> dict[str, object]:
    def latency(ns: int) -> Latency:
        return Latency(samples=(ns,), median=float(ns), ci95=(ns, ns))

    return {"first_output_ns": latency(first_output_ns), "inference_ns": latency(inference_ns)}


def occupies(pss_bytes: int) -> dict[str, object]:
    return {"start_pss_bytes": 1_000_000, "pss_bytes": 1_000_000 + pss_bytes}


def test_a_joint_network_that_infers_slower_wins_below_some_inferences_a_switch(
    make_report: MakeReport,
) -> None:
    report = make_report({"joint": takes(1100, 1100), "separate-swap": takes(6000, 1000)})
    (rate,) = break_even(report).rates
    assert rate.ratio_of_one == pytest.approx(6000 / 1100)
    assert rate.inferences == 50  # 50 · 1100 = 5000 + 50 · 1000
    assert rate.switches_per_second == pytest.approx(1e9 / 55_000)


def test_a_joint_network_that_is_never_slower_wins_always(make_report: MakeReport) -> None:
    report = make_report({"joint": takes(1000, 1000), "separate-swap": takes(6000, 1000)})
    (rate,) = break_even(report).rates
    assert rate.inferences is None
    assert rate.ratio_of_one == 6
    assert "always" in _text(render_rates(break_even(report)))


def test_memory_is_a_line_through_one_task_and_all(make_report: MakeReport) -> None:
    report = make_report(
        {
            "joint": occupies(1_500_000),
            "joint-lazy": occupies(1_300_000),
            "separate-resident": occupies(2_000_000),
            "separate-swap": occupies(1_000_000),
        }
    )
    (memory,) = break_even(report).memory
    assert (memory.joint_bytes_per_task, memory.separate_bytes_per_task) == (200_000, 1_000_000)
    assert memory.break_even_tasks == pytest.approx(1.375)  # 1.3 + 0.075 = 1 + 0.375
    assert "from 1.4 tasks on" in _text(render_memory(break_even(report)))


def test_without_a_row_of_each_there_is_no_answer(make_report: MakeReport) -> None:
    report = make_report({"joint": takes(1000, 1000)})
    assert break_even(report).rates == ()
    assert break_even(report).memory == ()


def test_a_task_that_costs_as_much_in_the_joint_network_never_pays(
    make_report: MakeReport,
) -> None:
    sizes: dict[Deployment, int] = {
        "joint": 2_300_000,
        "joint-lazy": 1_300_000,
        "separate-resident": 2_000_000,
        "separate-swap": 1_000_000,
    }
    report = make_report({name: occupies(size) for name, size in sizes.items()})
    (memory,) = break_even(report).memory
    assert memory.break_even_tasks is None


def _text(table: object) -> str:
    console = Console(width=160, record=True)
    console.print(table)
    return console.export_text()
