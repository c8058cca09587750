import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.console import Console

from taskzip.benchmarks.compare.gate import Gate, check_gates, parse_percent
from taskzip.benchmarks.compare.markdown import render_markdown
from taskzip.benchmarks.compare.page import render_page
from taskzip.benchmarks.compare.session import LATENCIES, from_report
from taskzip.benchmarks.compare.sidebyside import compare, read_sources
from taskzip.benchmarks.compare.source import Source
from taskzip.benchmarks.compare.table import render_comparison
from taskzip.benchmarks.samples import LatencyMetric
from taskzip.contracts import schema
from taskzip.contracts.errors import BadInput, CheckFailed
from taskzip.contracts.record import Cell
from taskzip.contracts.report import Report
from tests.benchmarks.compare.conftest import EMULATED, SESSIONS, latency, row

FIRST, SECOND = SESSIONS / "first", SESSIONS / "second"


def noisy(scale: float, seed: int, count: int = 40) -> list[int]:
    random = Random(seed)
    return [round(scale * random.gauss(1, 0.002)) for _ in range(count)]


def figures(*paths: Path, **how):
    return {(each.other, each.metric): each for each in compare(read_sources(paths), **how).figures}


def test_two_recorded_runs_of_the_same_are_equivalent_within_half_a_percent() -> None:
    for paths in ((FIRST, SECOND), (FIRST / "report.json", SECOND / "report.json")):
        found = compare(read_sources(paths)).figures
        assert len(found) == 20
        assert {each.verdict for each in found} == {"equivalent"}
        assert {each.within for each in found if each.metric == "first_output_ns"} == {0.005}


def planted(source: Source, cell: Cell, metric: LatencyMetric, factor: float) -> Source:
    """The source with one latency longer."""
    (session,) = source.sessions
    values = session.cells[cell].values
    slower = replace(session.cells[cell], values={**values, metric: factor * values[metric]})
    return replace(source, sessions=(replace(session, cells={**session.cells, cell: slower}),))


def test_one_percent_planted_in_any_row_of_a_recorded_run_is_all_that_is_found() -> None:
    reference, other = read_sources((FIRST, SECOND))
    for cell in other.cells:
        for metric in LATENCIES:
            found = compare((reference, planted(other, cell, metric, 1.01))).figures
            called = [each for each in found if each.verdict != "equivalent"]
            assert [(each.metric, each.verdict) for each in called] == [(metric, "slower")]
            assert called[0].deployment == cell.deployment


def test_a_session_against_itself_does_not_differ(make_report) -> None:
    path = make_report("a", noisy(1e6, 1))
    for each in compare(read_sources((path, path))).figures:
        assert (each.ratio, each.verdict) == (1.0, "equivalent")


def test_one_percent_is_found_on_the_counted_clock(make_report) -> None:
    reference, slower = make_report("a", noisy(1e6, 1)), make_report("b", noisy(1.01e6, 2))
    found = figures(reference, slower)["B", "switch_ns"]
    assert found.verdict == "slower"
    assert 1.005 < found.ci95[0] < found.ratio < found.ci95[1] < 1.015
    assert found.paired
    assert found.cliffs_delta > 0.9
    assert figures(slower, reference)["B", "switch_ns"].verdict == "faster"


def test_every_other_is_held_against_the_first(make_report) -> None:
    paths = [make_report(name, noisy(s, 3)) for name, s in (("a", 1e6), ("b", 1e6), ("c", 1.1e6))]
    found = figures(*paths)
    assert found["B", "switch_ns"].verdict == "equivalent"
    assert found["C", "switch_ns"].verdict == "slower"


def test_what_is_undecided_says_why_and_what_would_decide(make_report) -> None:
    random = Random(4)
    wide = [[round(1e6 * random.gauss(1, 0.1)) for _ in range(10)] for _ in range(2)]
    found = figures(make_report("a", wide[0]), make_report("b", wide[1]))["B", "switch_ns"]
    assert found.verdict == "undecided"
    assert found.reason
    assert found.to_decide is None or found.to_decide.count > 10


def test_a_difference_of_one_tick_is_none(make_report) -> None:
    found = figures(make_report("a", [80] * 8), make_report("b", [96] * 8))
    assert found["B", "switch_ns"].verdict == "equivalent"
    assert found["B", "first_output_ns"].verdict == "slower"


def test_sizes_are_compared_without_an_interval(make_report) -> None:
    switches = noisy(1e6, 5)
    smaller = row(switches, storage_bytes=2_000_000, pss_bytes=8_004_096)
    found = figures(make_report("a", switches), make_report("b", rows=(smaller,)))
    storage, memory = found["B", "storage_bytes"], found["B", "pss_above_start_bytes"]
    assert (storage.ratio, storage.ci95, storage.verdict) == (0.5, None, "smaller")
    assert (memory.p_different, memory.verdict) == (None, "equivalent")


def test_too_few_samples_and_rows_that_are_not_valid_are_undecided(make_report) -> None:
    reference = make_report("a", noisy(1e6, 6))
    few = figures(reference, make_report("b", noisy(2e6, 7, count=5)))["B", "switch_ns"]
    assert (few.verdict, few.reason) == ("undecided", "B has 5 samples, 6 are needed")
    warm = row(noisy(2e6, 8), valid=False, reasons=("warm was not reached: 3 %",))
    found = figures(reference, make_report("c", rows=(warm,)))["B", "switch_ns"]
    assert found.verdict == "undecided"
    assert found.reason == "B is not valid: warm was not reached: 3 %"
    assert found.p_corrected is None


def test_a_folder_of_sessions_is_one_side(make_report, tmp_path: Path) -> None:
    for side in "ab":
        for session in range(3):
            make_report(f"{side}/{session}", noisy(1e6 + 900 * session, session))
    found = compare(read_sources((tmp_path / "a", tmp_path / "b")))
    assert [side.sessions for side in found.sides] == [3, 3]
    assert found.figures[2].sampled[0].sessions == 3
    assert {each.verdict for each in found.figures} == {"equivalent"}
    assert not any("one session of" in note for note in found.notes)


def test_outliers_are_counted_and_stay(make_report) -> None:
    switches = [*noisy(1e6, 9), 9_000_000]
    found = figures(make_report("a", switches), make_report("b", noisy(1e6, 9, 41)))
    assert [each.outliers for each in found["B", "switch_ns"].sampled] == [1, 0]
    assert found["B", "switch_ns"].sampled[0].samples == 41


def test_switches_are_told_apart_by_the_tasks_left_and_entered() -> None:
    found = compare(read_sources((FIRST, SECOND)))
    swap = [each for each in found.switches if each.deployment == "separate-swap"]
    assert {(each.leaves, each.enters) for each in swap} == {
        ("digits", "fashion"),
        ("fashion", "digits"),
    }
    assert all(each.medians_ns.keys() == {"A", "B"} for each in swap)


def test_cells_that_only_one_side_has_are_named(make_report) -> None:
    rows = (row(noisy(1e6, 1)), row(noisy(1e6, 1), deployment="joint"))
    found = compare(read_sources((make_report("a", rows=rows), make_report("b", noisy(1e6, 2)))))
    assert found.only_in == {"A": ("litert joint warm",)}


def test_nothing_in_common_is_an_error(make_report) -> None:
    other = row(noisy(1e6, 1), deployment="joint")
    with pytest.raises(BadInput, match="no measured cell in common"):
        compare(read_sources((make_report("a", noisy(1e6, 1)), make_report("b", rows=(other,)))))


@pytest.mark.parametrize(
    ("field", "value"),
    [("runtime_versions", {"litert": "2.4.0"}), ("memory_bytes", 1), ("runner_version", "1")],
)
def test_other_conditions_are_refused_unless_allowed(make_report, field, value) -> None:
    paths = (
        make_report("a", noisy(1e6, 1)),
        make_report("b", noisy(1e6, 2), conditions={field: value}),
    )
    with pytest.raises(BadInput, match=f"{field}: .*--allow {field}"):
        compare(read_sources(paths))
    found = compare(read_sources(paths), allow=[field])
    assert [each.field for each in found.allowed] == [field]
    assert f"allowed to differ: {field}".replace("_", "\\_") in render_markdown(found)


def test_what_was_allowed_to_differ_is_marked_in_every_output(make_report) -> None:
    paths = [make_report(str(mib), [80] * 8, conditions={"memory_bytes": mib}) for mib in (1, 2)]
    sources = read_sources(paths)
    found = compare(sources, allow=["memory_bytes"])
    console = Console(width=100, file=io.StringIO())
    console.print(render_comparison(found))
    outputs = (console.file.getvalue(), render_page(found, sources), render_markdown(found))
    for text in outputs:
        assert "allowed to differ: memory_bytes (A: 1; B: 2)" in text.replace("\\", "")
    assert json.loads(found.model_dump_json())["allowed"] == [
        {"field": "memory_bytes", "values": {"A": "1", "B": "2"}}
    ]


@pytest.mark.parametrize(("field", "value"), [("origin", "phone"), ("clock", "real")])
def test_emulated_and_phone_are_never_compared(make_report, field, value) -> None:
    paths = (
        make_report("a", noisy(1e6, 1)),
        make_report("b", noisy(1e6, 2), conditions={field: value}),
    )
    with pytest.raises(BadInput, match=f"never compared, {field}"):
        compare(read_sources(paths))
    with pytest.raises(BadInput, match=f"--allow {field}"):
        compare(read_sources(paths), allow=[field])


def test_an_unknown_condition_cannot_be_allowed() -> None:
    with pytest.raises(BadInput, match="no such condition"):
        compare(read_sources((FIRST, SECOND)), allow=["weather"])


def damaged(**change):
    return lambda text: json.dumps(json.loads(text) | change)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "JSON"),
        (damaged(format=2), "format"),
        (damaged(surprise=1), "surprise"),
        (damaged(conditions={}), "conditions"),
        (lambda text: text.replace('"samples": [', '"samples": [NaN, '), "samples"),
        (lambda text: text.replace('"samples": [', '"samples": [-5, '), "samples"),
        (lambda text: text.replace('"steps": [', '"steps": [[0, 99, "a"],'), "41 steps"),
        (lambda _: "", "JSON"),
    ],
)
def test_a_damaged_report_is_named(make_report, damage, message: str) -> None:
    path = make_report("a", noisy(1e6, 1))
    path.write_text(damage(path.read_text()))
    with pytest.raises(BadInput, match=message) as caught:
        read_sources((path, FIRST))
    assert str(path) in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_sources((FIRST, tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="neither it nor a folder in it"):
        read_sources((FIRST, tmp_path))
    with pytest.raises(BadInput, match="at least two"):
        read_sources((FIRST,))


def test_records_without_their_session_or_report_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FIRST, tmp_path / "run"))
    (folder / "report.json").unlink()
    with pytest.raises(BadInput, match=r"neither report\.json nor the bundle"):
        read_sources((folder, SECOND))
    (folder / "session.json").unlink()
    shutil.copy(FIRST / "report.json", folder)
    with pytest.raises(BadInput, match=r"session\.json"):
        read_sources((folder / "records.jsonl", SECOND))


def test_a_report_of_other_records_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FIRST, tmp_path / "run"))
    shutil.copy(SECOND / "report.json", folder)
    with pytest.raises(BadInput, match="not of the records beside it"):
        read_sources((folder, SECOND))


def test_the_document_follows_its_schema() -> None:
    document = compare(read_sources((FIRST, SECOND, FIRST))).as_json_data()
    Draft202012Validator(schema.shipped("sidebyside")).validate(document)


switches = st.lists(st.integers(0, 10**12), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(switches, switches)
def test_any_samples_give_a_verdict_or_a_reason(tmp_path_factory, one, other) -> None:
    sides = []
    for name, samples in (("A", one), ("B", other)):
        path = tmp_path_factory.mktemp("any") / "report.json"
        write(path, samples)
        sides.append(Source(name, path, (from_report(path),)))
    document = compare(sides).as_json_data()
    Draft202012Validator(schema.shipped("sidebyside")).validate(document)
    assert "NaN" not in json.dumps(document)


def write(path: Path, samples: list[int]) -> None:
    made = row(samples, first_output_ns=latency(samples), inference_ns=latency(samples * 2))
    Report(conditions=EMULATED, rows=(made,), comparisons=(), parity=()).write(path)


@pytest.mark.parametrize(
    ("gate", "fails"),
    [
        ("slower", True),
        ("slower:2%", True),
        ("slower:4 %", False),
        ("larger", False),
        ("undecided", False),
        ("unproven:2%", True),
        ("unproven:5%", False),
    ],
)
def test_a_gate_fails_on_what_it_names(make_report, gate: str, fails: bool) -> None:
    paths = make_report("a", noisy(1e6, 1)), make_report("b", noisy(1.03e6, 2))
    found = compare(read_sources(paths))
    if fails:
        with pytest.raises(CheckFailed, match=r"3 of 5 figures fail; the worst: litert.*\+[23]"):
            check_gates(found, [Gate.parse(gate)])
    else:
        check_gates(found, [Gate.parse(gate)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "slower:",
        "slower:2",
        "slower:-1%",
        "slower:0%",
        "slower:nan%",
        "unproven",
        "undecided:1%",
        "larger:200%",
    ],
)
def test_a_gate_that_makes_no_sense_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="--fail-on"):
        Gate.parse(text)


def test_percentages_are_read() -> None:
    assert parse_percent("0.5%", "--within") == 0.005
    assert parse_percent("2 %", "--within") == 0.02
