"""Whole nights on a simulated device."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from taskzip.benchmarks.compare.sidebyside import compare, read_sources
from taskzip.benchmarks.nightly.night import check_night
from taskzip.benchmarks.plan import Plan
from taskzip.contracts import schema
from taskzip.contracts.errors import CheckFailed, DeviceTrouble
from taskzip.contracts.nightly import RESULT_FILE, NightResult
from tests.benchmarks.nightly.conftest import TONIGHT, Nights, written_bundle

ONE_PERCENT = {"candidate.litert.joint.": 1.01}


def night_folder(nights: Nights) -> Path:
    return nights.config.folder / TONIGHT


def test_a_night_like_those_before_is_silent(nights: Nights) -> None:
    nights.remember()
    result = nights.run()
    (job,) = result.jobs
    assert (job.status, job.moved, job.learning) == ("measured", (), 0)
    assert job.judged > 0
    check_night(result)


def test_the_first_nights_only_learn(nights: Nights) -> None:
    nights.workshop.slow = {"candidate": 3.0}
    (job,) = nights.run().jobs
    assert (job.judged, job.moved) == (0, ())
    assert job.learning > 0


def test_one_percent_of_one_row_is_found_the_same_night(nights: Nights) -> None:
    nights.remember()
    nights.workshop.slow = ONE_PERCENT
    result = nights.run()
    found = {(moved.series.deployment, moved.series.metric): moved for moved in result.worse}
    assert set(found) == {("joint", "first_output_ns"), ("joint", "inference_ns")}
    for moved in found.values():
        assert moved.ratio == pytest.approx(1.01, abs=0.002)
    assert nights.workshop.sessions == ["first", "again1", "again2"]
    with pytest.raises(CheckFailed, match="2 figures became slower or larger"):
        check_night(result)
    assert NightResult.read(night_folder(nights) / RESULT_FILE) == result
    Draft202012Validator(schema.shipped("nightly")).validate(result.as_json_data())


def test_what_the_sessions_after_do_not_show_is_no_regression(nights: Nights) -> None:
    nights.remember()
    nights.workshop.slow = ONE_PERCENT
    carry_out = nights.workshop.carry_out

    def only_first(*words) -> None:
        carry_out(*words)
        nights.workshop.slow = {}

    nights.workshop.carry_out = only_first
    (job,) = nights.run().jobs
    assert job.measured_again > 0
    assert job.moved == ()


def test_junit_and_summary_name_figure_size_and_cause(nights: Nights) -> None:
    nights.remember()
    nights.workshop.slow = ONE_PERCENT
    nights.run()
    suites = ET.parse(night_folder(nights) / "junit.xml").getroot()  # noqa: S314 - our own file
    assert {k: suites.get(k) for k in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "2", "errors": "0",
    }  # fmt: skip
    failure = suites.find(".//testcase[@name='litert joint warm inference']/failure")
    assert "since tonight; cause: unknown (the model files are the same)" in failure.get("message")
    summary = (night_folder(nights) / "summary.md").read_text()
    assert summary.startswith(f"### Night {TONIGHT}: 2 worse\n")
    assert "| litert joint warm inference | lenet | emulated | +" in summary


def test_files_that_changed_are_told_from_what_is_around_them(nights: Nights, tmp_path) -> None:
    nights.remember()
    written_bundle(tmp_path / "candidate", b"other weights")
    nights.workshop.slow = {"candidate.litert.joint.": 1.03}
    result = nights.run()
    assert nights.workshop.sessions[-1] == "good"
    assert {moved.causes for moved in result.worse} == {("zipper",)}
    assert "to the last good files, run again tonight" in result.worse[0].evidence[0]


def test_a_slower_runtime_is_named_by_the_pinned_reference(nights: Nights) -> None:
    nights.remember()
    nights.workshop.slow = {".litert.": 1.03}
    versions = {"runtime_versions": {"litert": "2.4.0"}}
    nights.workshop.conditions = nights.workshop.conditions.model_copy(update=versions)
    result = nights.run()
    assert {moved.series.role for moved in result.worse} == {"reference"}
    assert {moved.causes for moved in result.worse} == {("runtime",)}
    assert result.worse[0].evidence[-1] == "litert 2.3.0, now 2.4.0"


def test_a_night_goes_on_where_the_device_was_lost(nights: Nights) -> None:
    nights.workshop.trouble = "first"
    broken = nights.run()
    assert broken.jobs[0].status == "failed"
    with pytest.raises(DeviceTrouble, match=r"lenet on emulated: run .* failed"):
        check_night(broken)
    records = night_folder(nights) / "lenet.emulated" / "first" / "records.jsonl"
    kept = records.read_text().splitlines()
    nights.workshop.trouble = None
    assert nights.run().jobs[0].status == "measured"
    assert records.read_text().splitlines()[:20] == kept[:20]
    assert nights.workshop.sessions == ["first", "first"]
    nights.run()
    assert nights.workshop.sessions == ["first", "first"]
    assert len(nights.history.listed()) == 2


@pytest.fixture
def recipe(nights: Nights, tmp_path: Path) -> Nights:
    """Nights of a recipe."""
    (subject,) = nights.config.subjects.values()
    made = subject.model_copy(update={"bundle": None, "config": tmp_path / "lenet.toml"})
    nights.config = nights.config.model_copy(update={"subjects": {"lenet": made}})
    return nights


@pytest.mark.parametrize(
    ("change", "cause", "sessions"),
    [
        ({"exporter": b" slower"}, "exporter", ["good"]),
        ({"zipped": b"more weights"}, "zipper", ["good"]),
        ({"zipped": b"more weights", "exporter": b" other"}, "zipper", ["good", "exported"]),
    ],
)
def test_exporter_and_zipper_are_told_apart_by_exporting_the_last_good_zip_again(
    recipe: Nights, change: dict, cause: str, sessions: list[str]
) -> None:
    recipe.remember()
    for name, value in change.items():
        setattr(recipe.workshop, name, value)
    recipe.workshop.slow = {"candidate.litert.joint.": 1.03}
    if sessions == ["good", "exported"]:
        carry_out = recipe.workshop.carry_out

        def exported_files_are_quick(plan: Plan, folder: Path, *others: object) -> None:
            if folder.name == "exported":
                recipe.workshop.slow = {}
            carry_out(plan, folder, *others)

        recipe.workshop.carry_out = exported_files_are_quick
    result = recipe.run()
    assert {moved.causes for moved in result.worse} == {(cause,)}
    assert recipe.workshop.sessions[3:] == sessions


def test_a_recipe_is_made_anew_in_the_nights_folder(recipe: Nights) -> None:
    assert recipe.run().jobs[0].status == "measured"
    assert (night_folder(recipe) / "lenet.emulated" / "built" / "bundle" / "bundle.json").exists()


def test_bundles_of_other_tasks_are_not_measured_side_by_side(nights: Nights, tmp_path) -> None:
    path = tmp_path / "reference" / "bundle" / "bundle.json"
    path.write_text(path.read_text().replace("digits", "numbers"))
    (job,) = nights.run().jobs
    assert job.status == "failed"
    assert "cannot be measured side by side: numbers, fashion and digits, fashion" in job.message


def test_no_job_is_begun_after_the_time(nights: Nights) -> None:
    nights.config = nights.config.model_copy(update={"budget_minutes": 1.0})
    times = iter([0.0, 61.0])
    result = nights.run(clock=lambda: next(times))
    assert [(job.status, job.message) for job in result.jobs] == [
        ("not reached", "1 minutes were over")
    ]
    check_night(result)


def test_both_sides_are_folders_that_compare_takes(nights: Nights) -> None:
    nights.run()
    first = night_folder(nights) / "lenet.emulated" / "first"
    comparison = compare(read_sources([first / "reference", first / "candidate"]))
    assert len(comparison.figures) == 10
