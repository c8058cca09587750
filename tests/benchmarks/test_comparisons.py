from collections.abc import Callable

import pytest

from taskzip.benchmarks.bars import Bar
from taskzip.benchmarks.comparisons import find_all
from taskzip.benchmarks.measures import Measures, measures_by_cell
from taskzip.benchmarks.settings import Setting, Settings
from taskzip.benchmarks.statistics import Estimate
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.names import DEPLOYMENTS, Clock, Deployment
from taskzip.contracts.record import Record
from taskzip.contracts.report import Comparison

Compare = Callable[..., list[Comparison]]


@pytest.fixture
def compare(records: tuple[Record, ...], bundle: Bundle) -> Compare:
    """The comparisons of executorch, after `change` went over the measures."""

    def compare(
        change: Callable[[Measures], None] = lambda measures: None,
        clock: Clock = "counted",
        deployments: tuple[Deployment, ...] = DEPLOYMENTS,
    ) -> list[Comparison]:
        found = [
            measures
            for measures in measures_by_cell(records).values()
            if measures.cell.runtime == "executorch" and measures.cell.deployment in deployments
        ]
        for measures in found:
            change(measures)
        settings = Settings(tuple(Setting.of(measures, bundle) for measures in found))
        return [one.as_comparison("executorch", clock) for one in find_all(settings)]

    return compare


def pick(comparisons: list[Comparison], metric: str, joint: str, baseline: str) -> Comparison:
    (found,) = (
        one
        for one in comparisons
        if one.metric == metric
        and one.joint.split()[0] == joint
        and one.baseline.split()[0] == baseline
        and "cold" not in one.joint.replace("cold", "", metric == "switch_ns")
    )
    return found


def change_cells(deployment: str, packed: bool, **update: float) -> Callable[[Measures], None]:
    def change(measures: Measures) -> None:
        if (measures.cell.deployment, measures.cell.packed_cache) == (deployment, packed):
            for key, switch in measures.switches.items():
                measures.switches[key] = switch.model_copy(update=update)

    return change


def test_storage_is_compared_with_and_without_packed_caches(compare: Compare) -> None:
    found = [one for one in compare() if one.metric == "storage_bytes"]
    assert [(one.joint, one.baseline) for one in found] == [
        ("joint", "separate-resident"),
        ("joint packed", "separate-resident packed"),
    ]
    assert found[0].ratio == pytest.approx(1_761_024 / (2 * 1_730_112))
    assert (found[0].ci95, found[0].bar, found[0].holds) == (None, "≤ 0.53", True)
    assert found[0].verdict == "smaller"


def test_memory_compares_the_best_setting_of_each_side(compare: Compare) -> None:
    def joint_is_leaner_without_cache(measures: Measures) -> None:
        if measures.cell.deployment == "joint" and not measures.cell.packed_cache:
            measures.memory = [
                reading.model_copy(update={"pss_bytes": reading.pss_bytes - 700_000})
                if reading.phase == "switched"
                else reading
                for reading in measures.memory
            ]

    found = pick(
        compare(change=joint_is_leaner_without_cache),
        "pss_above_start_bytes",
        "joint",
        "separate-resident",
    )
    assert (found.joint, found.baseline) == ("joint warm", "separate-resident warm packed")
    assert found.bar == "≤ 0.6"
    assert found.holds is True


def test_a_switch_is_held_against_the_fastest_reload(compare: Compare) -> None:
    found = pick(compare(), "switch_ns", "joint", "separate-swap")
    assert found.baseline == "separate-swap cold packed"
    assert found.expression.startswith("switch: separate-swap cold packed / joint cold")
    assert found.ratio > 10_000
    assert (found.bar, found.holds, found.verdict) == ("≥ 50", True, "faster")


def test_the_strongest_baseline_need_not_be_the_packed_one(compare: Compare) -> None:
    slow_cache = change_cells("separate-swap", True, first_output_ns=10**9)
    found = pick(compare(change=slow_cache), "first_output_ns", "joint", "separate-swap")
    assert found.baseline == "separate-swap warm"


def test_a_first_output_that_is_surely_sooner_meets_its_bar(compare: Compare) -> None:
    found = pick(compare(), "first_output_ns", "joint", "separate-swap")
    assert found.ci95 is not None
    assert found.ci95[0] > 1
    assert (found.bar, found.holds, found.verdict) == ("> 1", True, "faster")


def test_a_first_output_that_is_later_misses_its_bar(compare: Compare) -> None:
    quick = change_cells("separate-swap", True, first_output_ns=1_000)
    found = pick(compare(change=quick), "first_output_ns", "joint", "separate-swap")
    assert (found.holds, found.verdict) == (False, "slower")


def test_a_switch_of_no_measurable_length_gives_a_finite_ratio(compare: Compare) -> None:
    def instant(measures: Measures) -> None:
        change_cells("joint", False, switch_ns=0)(measures)
        change_cells("separate-swap", True, switch_ns=52_000)(measures)

    found = pick(compare(change=instant), "switch_ns", "joint", "separate-swap")
    assert found.ratio == 1000


def test_what_a_switch_adds_is_compared_within_the_joint_network(compare: Compare) -> None:
    (found,) = (one for one in compare() if one.metric == "first_output_over_inference")
    assert found.joint == found.baseline
    assert found.ratio == pytest.approx(1.004, abs=0.02)
    assert (found.bar, found.holds, found.verdict) == ("≤ 1.05", True, "equivalent")


def test_bars_of_the_counted_clock_do_not_apply_to_the_real_one(compare: Compare) -> None:
    bars = {one.metric for one in compare(clock="real") if one.bar}
    assert bars == {"storage_bytes", "pss_above_start_bytes", "first_output_ns"}


def test_an_invalid_cell_leaves_its_comparisons_undecided_and_not_judged(compare: Compare) -> None:
    not_cold = change_cells("separate-swap", True, resident_fraction=0.9)
    found = pick(compare(change=not_cold), "switch_ns", "joint", "separate-swap")
    assert (found.verdict, found.bar, found.holds) == ("undecided", "≥ 50", None)


def test_what_was_not_measured_is_not_compared(compare: Compare) -> None:
    found = compare(deployments=("joint", "joint-lazy"))
    assert [one.metric for one in found] == ["first_output_over_inference"]


def test_equal_networks_are_equivalent(compare: Compare) -> None:
    found = pick(compare(), "inference_ns", "joint", "separate-resident")
    assert found.verdict == "equivalent"


@pytest.mark.parametrize(
    ("bar", "ratio", "holds"),
    [
        (Bar("at most", 0.5), Estimate(0.5, 0.5, 0.5), True),
        (Bar("at most", 0.5), Estimate(0.501, 0.4, 0.6), False),
        (Bar("at least", 50), Estimate(50, 40, 60), True),
        (Bar("at least", 50), Estimate(49, 40, 60), False),
        (Bar("surely above", 1), Estimate(1.2, 1.01, 1.4), True),
        (Bar("surely above", 1), Estimate(1.2, 0.99, 1.4), False),
    ],
)
def test_bars_hold_as_their_words_say(bar: Bar, ratio: Estimate, holds: bool) -> None:
    assert bar.holds(ratio) is holds
