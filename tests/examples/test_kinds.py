"""Networks of other kinds, zipped as their configs say: what is shared and what it costs."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from taskzip.contracts.config import load_config
from taskzip.contracts.progress import Silent
from taskzip.contracts.zipresult import ZipResult
from taskzip.pipeline.build import zip_stage
from tests.examples.conftest import EXAMPLES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Bounds:
    """What the zip of an example must keep."""

    increase_points: float
    """Of the test error, for each task."""
    size: float
    """Weights of the joint network in relation to those of the separate ones."""


BOUNDS = {
    "image_signal": Bounds(increase_points=0.6, size=0.60),
    "deep_shallow": Bounds(increase_points=4.5, size=0.88),
    "mobilenet": Bounds(increase_points=15.0, size=0.62),
    "vit": Bounds(increase_points=5.0, size=0.51),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_an_example_keeps_its_bounds(name: str, tmp_path: Path) -> None:
    zip_stage(load_config(EXAMPLES / f"{name}.toml"), EXAMPLES, tmp_path, Silent())
    result = ZipResult.read(tmp_path / "zip.json")
    increases = {
        task.name: task.error_percent.joint - task.error_percent.separate
        for task in result.tasks
        if task.error_percent
    }
    assert len(increases) == len(result.tasks)
    bounds = BOUNDS[name]
    assert {n: each for n, each in increases.items() if each > bounds.increase_points} == {}
    assert result.parameters.joint <= bounds.size * result.parameters.separate
