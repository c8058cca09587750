"""Cases: zips repeated over seeds and methods, measured against bars."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from taskzip.benchmarks.zip_cases.__main__ import app
from taskzip.contracts.names import ZIP_METHODS
from taskzip.contracts.zipcases import CaseZip

SETTINGS = """evaluation = "data:evaluation"

[zip]
reconstruct_steps = 0

[retrain]
iterations = 2
batch_size = 4
"""

Run = Callable[..., tuple[int, str, list[CaseZip]]]


@pytest.fixture
def project(small_project: Path) -> Path:
    """The small project with evaluation data for both, retrained for two iterations."""
    config = (small_project / "project.toml").read_text(encoding="utf-8")
    (small_project / "project.toml").write_text(config + SETTINGS, encoding="utf-8")
    return small_project


@pytest.fixture
def run(project: Path) -> Run:
    """Writes the cases and runs them; the exit code, what was said, and the results."""

    def run_cases(bar: float, *options: str) -> tuple[int, str, list[CaseZip]]:
        (project / "cases.toml").write_text(
            f"""
            [[cases]]
            name = "small"
            config = "project.toml"
            seeds = [{{ }}, {{ seed = 1, weights = {{ night = "dusk.safetensors" }} }}]
            bars = [{{ retrained = false, max_increase_points = {bar}, max_size_of_one = 2.0 }}]
            """,
            encoding="utf-8",
        )
        out = project / "out"
        done = CliRunner().invoke(
            app, [str(project / "cases.toml"), "--out", str(out), *options], catch_exceptions=False
        )
        lines = (out / "cases.jsonl").read_text(encoding="utf-8").splitlines()
        return done.exit_code, done.output, [CaseZip.parse(line, "line") for line in lines]

    return run_cases


def test_each_seed_is_zipped_and_retrained(run: Run) -> None:
    code, _, zips = run(100.0, "--check")
    assert code == 0, zips
    assert [(each.repetition, each.iterations) for each in zips] == [
        (0, None),
        (0, 2),
        (1, None),
        (1, 2),
    ]
    assert zips[0].tasks != zips[2].tasks


def test_what_is_done_is_not_done_again(run: Run) -> None:
    _, first, before = run(100.0)
    assert "small: seed 2 of 2" in first
    _, again, after = run(100.0)
    assert "seed" not in again
    assert after == before


def test_other_weights_are_zipped_again(run: Run, project: Path) -> None:
    run(100.0)
    (project / "night.safetensors").write_bytes((project / "day.safetensors").read_bytes())
    _, said, zips = run(100.0)
    assert "seed 1 of 2" in said
    assert "seed 2 of 2" not in said
    assert len(zips) == 4


def test_a_missed_bar_is_told_and_fails_the_check(run: Run, project: Path) -> None:
    code, _, _ = run(-100.0, "--check")
    assert code == 1
    assert "| **no** |" in (project / "out" / "cases.md").read_text(encoding="utf-8")


def test_a_bar_that_nothing_was_measured_for_is_missed(run: Run, project: Path) -> None:
    config = (project / "project.toml").read_text(encoding="utf-8")
    without = config.replace('evaluation = "data:evaluation"', "")
    (project / "project.toml").write_text(without, encoding="utf-8")
    code, _, _ = run(100.0, "--check")
    assert code == 1
    assert "not measured" in (project / "out" / "cases.md").read_text(encoding="utf-8")


def test_every_method_has_a_row_with_mean_and_spread(run: Run, project: Path) -> None:
    run(100.0, "--every-method")
    table = (project / "out" / "cases.md").read_text(encoding="utf-8")
    for method in ZIP_METHODS:
        assert f"| {method} |" in table
    assert "n = 2)" in table


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("cases = 3", "cases: "),
        ("[[cases]]\nname = 'a'\nconfig = 'none.toml'\nseeds = [{}]", "none.toml"),
        (
            "[[cases]]\nname = 'a'\nconfig = 'project.toml'\nseeds = [{ weights = { x = 'y' } }]",
            "has no task x",
        ),
        ("[[cases]", "not TOML"),
    ],
)
def test_a_wrong_file_is_told(project: Path, content: str, said: str) -> None:
    (project / "cases.toml").write_text(content, encoding="utf-8")
    done = CliRunner().invoke(app, [str(project / "cases.toml"), "--out", str(project / "out")])
    assert done.exit_code == 2
    assert said in done.output.replace("\n", "")
