"""Error against shared neurons: every layer, three ways, from none to all."""

from collections import Counter
from pathlib import Path

from typer.testing import CliRunner

from taskzip.benchmarks.neuron_curve.__main__ import app
from taskzip.contracts.zipcurve import ZipCurve


def test_no_shared_neuron_changes_no_error_and_all_ways_are_measured(small_project: Path) -> None:
    config = small_project / "project.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        f'{text}evaluation = "data:evaluation"\n[zip]\nreconstruct_steps = 0\n', encoding="utf-8"
    )
    done = CliRunner().invoke(
        app,
        [str(config), "--out", str(small_project / "out"), "--points", "3"],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    curve = ZipCurve.read(small_project / "out" / "curve.json")
    first = curve.points[0].layer
    for point in curve.points:
        if point.layer == first and point.shared == 0:
            assert point.error_percent == curve.separate_percent
    counts = Counter((point.layer, point.way) for point in curve.points)
    assert len(counts) == 3 * len({point.layer for point in curve.points})
    assert set(counts.values()) == {3}
    drawing = (small_project / "out" / "curve.svg").read_text(encoding="utf-8")
    assert "mtz with refit" in drawing


def test_a_curve_needs_evaluation_data(small_project: Path) -> None:
    done = CliRunner().invoke(
        app, [str(small_project / "project.toml"), "--out", str(small_project / "out")]
    )
    assert done.exit_code == 2
    assert "night: no evaluation data" in done.output
