from statistics import fmean

import pytest

from taskzip.benchmarks.heatmap import heatmap_svg, heatmap_words
from taskzip.benchmarks.measures import measures_by_cell
from taskzip.benchmarks.page import render_html
from taskzip.benchmarks.rows import make_row
from taskzip.benchmarks.switching import PART_WORDS, pairs_of, split_of
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.events import Switch
from taskzip.contracts.record import Record
from taskzip.contracts.report import Report


@pytest.fixture
def report_of_three(records: tuple[Record, ...], bundle: Bundle, conditions: Conditions) -> Report:
    """A report whose cells switched among three tasks."""
    switches = [switch(x, y, ord(y)) for x in "abc" for y in "abc" if x != y]
    rows = [make_row(measures, bundle) for measures in measures_by_cell(records).values()]
    return Report(
        conditions=conditions,
        rows=tuple(row.model_copy(update={"pairs": pairs_of(switches)}) for row in rows),
        comparisons=(),
        parity=(),
    )


def switch(leaves: str | None, task: str, part_ns: int, first_run_ns: int = 900) -> Switch:
    return Switch(
        index=0, task=task, leaves=leaves, warmup=False, switch_ns=4 * part_ns, unload_ns=part_ns,
        open_ns=part_ns, prepare_ns=part_ns, other_ns=part_ns, first_run_ns=first_run_ns,
        first_output_ns=4 * part_ns + first_run_ns, inference_ns=(500, 700), resident_fraction=1,
        minor_faults=9, major_faults=2, first_minor_faults=6, first_major_faults=1,
    )  # fmt: skip


def test_the_parts_of_a_switch_add_up_to_the_mean_first_output() -> None:
    switches = [switch("a", "b", 10), switch("b", "a", 30, first_run_ns=950)]
    split = split_of(switches)
    assert split is not None
    whole = fmean(each.first_output_ns for each in switches)
    assert sum(getattr(split, part) for part in PART_WORDS) == whole
    assert split.run_ns == 600
    assert split.first_touch_ns == 325
    assert (split.switch_minor_faults, split.first_major_faults) == (3, 1)


def test_a_first_run_that_is_shorter_than_a_steady_one_touches_nothing_first() -> None:
    split = split_of([switch("a", "b", 10, first_run_ns=400)])
    assert split is not None
    assert (split.first_touch_ns, split.run_ns) == (0, 400)


def test_records_of_contract_2_are_not_split_and_name_no_pairs() -> None:
    lacking = dict.fromkeys(
        ("leaves", "other_ns", "first_run_ns", "first_minor_faults", "first_major_faults")
    )
    old = switch("a", "b", 10).model_copy(update=lacking)
    assert split_of([old]) is None
    assert pairs_of([old]) == ()


def test_a_switch_whose_parts_do_not_add_up_is_no_event() -> None:
    with pytest.raises(ValueError, match="add up"):
        Switch.model_validate(switch("a", "b", 10).model_dump() | {"switch_ns": 41})


def test_every_ordered_pair_has_medians_of_its_own() -> None:
    first, second, third = pairs_of(
        [switch("a", "c", 30), switch("a", "b", 10), switch("a", "c", 50), switch("b", "a", 20)]
    )
    assert (first.leaves, first.enters, first.switch_ns) == ("a", "b", 40)
    assert (second.enters, second.switches, second.switch_ns) == ("c", 2, 160)
    assert (third.leaves, third.first_output_ns) == ("b", 980)


def test_a_heat_map_has_a_tile_for_every_pair_and_none_for_others(report_of_three: Report) -> None:
    (row, *_) = report_of_three.rows
    svg = heatmap_svg([row], "map")
    assert svg.count(f"fill: var(--{row.deployment})") == len(row.pairs) == 6
    assert "b to a" in heatmap_words(row)


def test_the_page_draws_the_matrix_where_there_are_three_tasks(report_of_three: Report) -> None:
    page = render_html(report_of_three)
    assert "From task to task" in page
    assert "Where a switch goes" in page
