from collections.abc import Callable

import pytest

from taskzip.benchmarks.measures import Measures, measures_by_cell
from taskzip.benchmarks.rows import make_row
from taskzip.benchmarks.settings import parts_above_start_bytes, pss_above_start_bytes
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.document import validated
from taskzip.contracts.errors import BadInput
from taskzip.contracts.events import Done, Memory, Switch
from taskzip.contracts.record import Cell, Record
from taskzip.contracts.report import Row

Measure = Callable[[BenchConfig], list[Record]]
JOINT_BYTES, SEPARATE_BYTES = 1_761_024, 1_730_112


def cell(deployment: str, cache: str = "warm", packed: bool = False) -> Cell:
    return Cell(runtime="litert", deployment=deployment, cache=cache, packed_cache=packed)


@pytest.fixture
def measures(records: tuple[Record, ...]) -> dict[Cell, Measures]:
    return measures_by_cell(records)


@pytest.fixture
def row(measures: dict[Cell, Measures], bundle: Bundle) -> Callable[..., Row]:
    return lambda *args: make_row(measures[cell(*args)], bundle)


def with_resident(measures: Measures, fraction: float) -> Measures:
    for key, switch in measures.switches.items():
        measures.switches[key] = switch.model_copy(update={"resident_fraction": fraction})
    return measures


def test_storage_is_the_model_files_and_the_packed_caches(row) -> None:
    assert row("joint").storage_bytes == JOINT_BYTES
    assert row("separate-swap").storage_bytes == 2 * SEPARATE_BYTES
    packed = row("separate-resident", "warm", True)
    assert packed.packed_cache_bytes == 2 * SEPARATE_BYTES
    assert packed.storage_bytes == packed.model_bytes + packed.packed_cache_bytes


def test_samples_stand_in_the_order_taken_and_warmups_apart(measures, bundle) -> None:
    taken = measures[cell("separate-swap", "cold")]
    row = make_row(taken, bundle)
    assert row.switch_ns.samples == tuple(s.switch_ns for s in taken.switches.values())
    assert len(row.switch_ns.samples) == 8
    assert len(row.switch_ns.warmups) == 4
    assert len(row.inference_ns.samples) == 16
    assert len(row.load_ns.samples) == 2


def test_memory_is_read_after_the_last_switch_and_peaks_after_the_start(row, measures) -> None:
    phases = {reading.phase: reading for reading in measures[cell("joint")].memory}
    found = row("joint")
    assert found.runtime_pss_bytes == phases["runtime"].pss_bytes
    assert found.start_pss_bytes == phases["start"].pss_bytes
    assert found.pss_bytes == phases["switched"].pss_bytes
    assert found.uss_bytes == phases["switched"].uss_bytes
    assert found.peak_pss_bytes == phases["first_output"].peak_pss_bytes
    assert found.parts == phases["switched"].parts


def test_what_memory_is_made_of_adds_up_to_what_the_networks_cost(row) -> None:
    packed = row("joint", "warm", True)
    parts = parts_above_start_bytes(packed)
    assert sum(parts.values()) == pss_above_start_bytes(packed)
    assert parts["packed_cache"] > 0
    assert row("joint", "warm", False).parts.packed_cache.pss_bytes == 0


def test_parts_that_do_not_add_up_are_no_reading(measures) -> None:
    reading = measures[cell("joint")].memory[-1].as_json_data()
    with pytest.raises(BadInput, match="add up"):
        validated(Memory, {**reading, "pss_bytes": reading["pss_bytes"] + 1}, "an event")


def test_cold_cells_show_the_memory_of_warm_ones_and_say_so(row) -> None:
    warm, cold = row("joint", "warm", True), row("joint", "cold", True)
    assert (cold.pss_bytes, cold.memory_cache) == (warm.pss_bytes, "warm")


def test_memory_of_a_state_that_was_measured_is_not_borrowed(measure, bundle) -> None:
    both = BenchConfig(switches=6, memory_caches=("warm", "cold"), deployments=("joint",))
    found = measures_by_cell(measure(both))
    assert make_row(found[cell("joint", "cold")], bundle).memory_cache == "cold"


def test_a_full_measurement_is_valid(measures, bundle) -> None:
    rows = [make_row(taken, bundle) for taken in measures.values()]
    assert len(rows) == 32
    assert [row.reasons for row in rows if not row.valid] == []


def test_cold_that_was_not_reached_makes_a_reloading_cell_invalid(measures, bundle) -> None:
    taken = with_resident(measures[cell("separate-swap", "cold")], 0.4)
    row = make_row(taken, bundle)
    assert not row.valid
    assert row.reasons == ("cold was not reached: 40% of the pages resident, limit 10%",)


def test_cold_is_asked_only_of_what_is_loaded_again(measures, bundle) -> None:
    resident = with_resident(measures[cell("separate-resident", "cold")], 1.0)
    lazy = with_resident(measures[cell("joint-lazy", "cold")], 0.98)  # shared weights stay mapped
    assert make_row(resident, bundle).valid
    assert make_row(lazy, bundle).valid


def test_warm_that_was_lost_makes_a_cell_invalid(measures, bundle) -> None:
    taken = with_resident(measures[cell("separate-swap", "warm")], 0.5)
    assert "warm was not reached" in make_row(taken, bundle).reasons[0]


def test_too_few_switches_and_missing_memory_are_reasons(measures, bundle) -> None:
    taken = measures[cell("joint")]
    taken.switches = dict(list(taken.switches.items())[:5])
    taken.memory = []
    row = make_row(taken, bundle)
    assert row.reasons == (
        "too few switches: 5, at least 6 are needed",
        "memory was not read: no memory run ended well",
    )
    assert (row.pss_bytes, row.peak_pss_bytes) == (None, None)


def test_a_cell_without_samples_has_no_median(measures, bundle) -> None:
    taken = measures[cell("joint")]
    taken.switches = {}
    row = make_row(taken, bundle)
    assert (row.switch_ns.median, row.switch_ns.ci95, row.resident_fraction) == (None, None, None)


def test_records_of_an_unfinished_run_are_not_measured(records) -> None:
    run = "litert.joint.cold.plain.block1"
    cut = [r for r in records if not (r.run == run and isinstance(r.event, Done))]
    measures = measures_by_cell(cut)[cell("joint", "cold")]
    assert {block for block, _, _ in measures.switches} == {0}


def test_switches_are_sorted_by_block_whatever_the_order_of_the_records(records) -> None:
    blocks = sorted(records, key=lambda record: -record.block)
    taken = measures_by_cell(blocks)[cell("joint")]
    assert list(taken.switches) == sorted(taken.switches)
    assert all(isinstance(switch, Switch) for switch in taken.switches.values())
