from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from taskzip.benchmarks.break_even.answer import break_even
from taskzip.benchmarks.break_even.growing import bench_config
from taskzip.benchmarks.break_even.limits import limits_of
from taskzip.benchmarks.break_even.memory import memory_of
from taskzip.benchmarks.break_even.rates import rates_of, tasks_of
from taskzip.benchmarks.break_even.tables import render_limits, render_memory, render_rates
from taskzip.benchmarks.experiment import run_experiment
from taskzip.benchmarks.journal import read_records
from taskzip.benchmarks.measures import measures_by_cell
from taskzip.benchmarks.plan import plan_experiment
from taskzip.benchmarks.pressure.result import PRESSURE_FILE, Point, Pressed
from taskzip.benchmarks.rows import make_row
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Deployment
from taskzip.contracts.progress import Silent
from taskzip.contracts.record import Record
from taskzip.contracts.report import REPORT_FILE, Latency, PairLatency, Report
from tests.benchmarks.conftest import MIB, SimulatedDevice

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


def test_a_row_in_which_nothing_was_inferred_decides_nothing(make_report: MakeReport) -> None:
    unmeasured = takes(1100, 1100) | {"inference_ns": Latency(samples=(), median=None, ci95=None)}
    report = make_report({"joint": unmeasured, "separate-swap": takes(6000, 1000)})
    assert rates_of(report) == ()


def occupies(pss_bytes: int) -> dict[str, object]:
    return {"start_pss_bytes": 1_000_000, "pss_bytes": 1_000_000 + pss_bytes}


def test_a_joint_network_that_infers_slower_wins_below_some_inferences_a_switch(
    make_report: MakeReport,
) -> None:
    report = make_report({"joint": takes(1100, 1100), "separate-swap": takes(6000, 1000)})
    (rate,) = rates_of(report)
    assert rate.ratio_of_one == pytest.approx(6000 / 1100)
    assert rate.inferences == 50  # 50 · 1100 = 5000 + 50 · 1000
    assert rate.switches_per_second == pytest.approx(1e9 / 55_000)


def test_a_joint_network_that_is_never_slower_wins_always(make_report: MakeReport) -> None:
    report = make_report({"joint": takes(1000, 1000), "separate-swap": takes(6000, 1000)})
    (rate,) = rates_of(report)
    assert rate.inferences is None
    assert rate.ratio_of_one == 6
    assert "always" in _text(render_rates(rates_of(report)))


def test_memory_is_a_line_through_one_task_and_all(make_report: MakeReport) -> None:
    report = make_report(
        {
            "joint": occupies(1_500_000),
            "joint-lazy": occupies(1_300_000),
            "separate-resident": occupies(2_000_000),
            "separate-swap": occupies(1_000_000),
        }
    )
    (memory,) = memory_of([report])
    assert (memory.joint_bytes_per_task, memory.separate_bytes_per_task) == (200_000, 1_000_000)
    assert memory.break_even_tasks == pytest.approx(1.375)  # 1.3 + 0.075 = 1 + 0.375
    assert "from 1.4 tasks on" in _text(render_memory([memory]))


def test_without_a_row_of_each_there_is_no_answer(make_report: MakeReport) -> None:
    report = make_report({"joint": takes(1000, 1000)})
    assert rates_of(report) == ()
    assert memory_of([report]) == ()


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
    (memory,) = memory_of([report])
    assert memory.break_even_tasks is None


def with_tasks(report: Report, tasks: int) -> Report:
    """The same of so many tasks; separate files take as much each."""
    rows = [
        row.model_copy(
            update={
                "steps": tuple((0, index, f"t{index}") for index in range(tasks)),
                "pairs": (),
                "model_bytes": row.model_bytes * tasks // 2,
            }
        )
        for row in report.rows
    ]
    return report.model_copy(update={"rows": tuple(rows)})


def memory_report(make_report: MakeReport, joint: int, separate: int) -> Report:
    """One loaded task takes 1.5 MB of the joint network and 1 MB of separate ones."""
    sizes: dict[Deployment, int] = {
        "joint": joint,
        "joint-lazy": 1_500_000,
        "separate-resident": separate,
        "separate-swap": 1_000_000,
    }
    return make_report({name: occupies(size) for name, size in sizes.items()})


def test_several_numbers_of_tasks_make_a_measured_curve(make_report: MakeReport) -> None:
    four = with_tasks(memory_report(make_report, 3_000_000, 4_000_000), 4)
    two = memory_report(make_report, 2_250_000, 2_000_000)
    (memory,) = memory_of([four, two])
    assert [point.tasks for point in memory.measured] == [1, 2, 4]
    assert memory.break_even_tasks == pytest.approx(2.4)  # 0.25 MB behind at 2, 1 ahead at 4
    assert (memory.joint_bytes_per_task, memory.separate_bytes_per_task) == (375_000, 1_000_000)
    assert memory_of([four])[0].break_even_tasks == pytest.approx(2)  # the line from 1 to 4


def test_a_task_that_is_only_left_counts(make_report: MakeReport) -> None:
    report = make_report({"joint": takes(1000, 1000), "separate-swap": takes(6000, 1000)})
    pair = PairLatency(leaves="first", enters="t0", switches=1, switch_ns=1.0, first_output_ns=1.0)
    rows = tuple(row.model_copy(update={"pairs": (pair,)}) for row in report.rows)
    assert tasks_of(rows) == tasks_of(report.rows) + 1


def test_reports_of_different_networks_make_no_curve(make_report: MakeReport) -> None:
    report = memory_report(make_report, 1_600_000, 2_000_000)
    rows = tuple(row.model_copy(update={"model_bytes": row.model_bytes * 3}) for row in report.rows)
    with pytest.raises(BadInput, match="of different networks"):
        memory_of([report, report.model_copy(update={"rows": rows})])


def pressed(conditions: Conditions, *points: tuple[int, Deployment, float | None]) -> Pressed:
    """Of nine tasks: limit in MiB, deployment, and its mean first output; None where killed."""
    return Pressed(
        conditions=conditions,
        tasks=9,
        switches=20,
        points=tuple(
            Point(
                runtime="litert",
                deployment=deployment,
                packed_cache=False,
                limit_bytes=limit * MIB,
                ended="killed" if mean is None else "done",
                mean_first_output_ns=mean,
                inference_ns=None if mean is None else 100.0,
            )
            for limit, deployment, mean in points
        ),
    )


def test_under_each_limit_the_quickest_that_survived_are_compared(conditions: Conditions) -> None:
    found = limits_of(
        pressed(
            conditions,
            (64, "joint", None), (64, "joint-lazy", 200), (64, "separate-swap", 800),
            (96, "joint", 100), (96, "separate-swap", 800), (96, "separate-resident", 100),
            (32, "joint", None), (32, "separate-swap", None),
            (48, "joint-lazy", 200), (48, "separate-swap", None),
            (16, "joint-lazy", None),
        )
    )  # fmt: skip
    assert [(each.limit_bytes // MIB, each.joint, each.separate) for each in found] == [
        (96, "joint", "separate-resident"),
        (64, "joint-lazy", "separate-swap"),
        (48, "joint-lazy", None),
        (32, None, None),
    ]
    assert [each.ratios and each.ratios.ratio_of_one for each in found] == [1, 4, None, None]
    text = _text(render_limits(found)).splitlines()
    answers = ["equal", "always", "always: it alone runs", "neither runs"]
    lines = [next(line for line in text if f"{mib} MiB" in line) for mib in (96, 64, 48, 32)]
    assert all(answer in line for answer, line in zip(answers, lines, strict=True))


def test_all_folders_are_answered_over(
    make_report: MakeReport, conditions: Conditions, tmp_path: Path
) -> None:
    for name in ("two", "nine"):
        (tmp_path / name).mkdir()
    report = make_report({"joint": takes(1000, 1000), "separate-swap": takes(6000, 1000)})
    report.write(tmp_path / "two" / REPORT_FILE)
    with_tasks(report, 9).write(tmp_path / "nine" / REPORT_FILE)
    both = pressed(conditions, (96, "joint", 100), (96, "separate-swap", 800))
    both.write(tmp_path / "nine" / PRESSURE_FILE)
    found = break_even([tmp_path / "two", tmp_path / "nine"])
    assert [rate.tasks for rate in found.rates] == [2, 9]
    assert [limit.tasks for limit in found.limits] == [9]


def test_growing_measures_all_that_a_break_even_needs(
    bundle: Bundle, device: SimulatedDevice, conditions: Conditions, tmp_path: Path
) -> None:
    plan = plan_experiment(bundle, bench_config(2, "counted", (False,)))
    run_experiment([device], plan, tmp_path, conditions, Silent())
    rows = [make_row(each, bundle) for each in measures_by_cell(read_records(tmp_path)).values()]
    assert all(row.valid for row in rows)
    report = Report(conditions=conditions, rows=tuple(rows), comparisons=(), parity=())
    report.write(tmp_path / REPORT_FILE)
    found = break_even([tmp_path])
    assert {rate.separate for rate in found.rates} == {"separate-resident", "separate-swap"}
    assert [point.tasks for point in found.memory[0].measured] == [1, 2]


def test_a_folder_without_a_measurement_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has neither"):
        break_even([tmp_path])


def _text(table: Table) -> str:
    console = Console(width=160, record=True)
    console.print(table)
    return console.export_text()
