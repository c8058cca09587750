"""What zipping costs, measured on small networks."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from taskzip.benchmarks.zip_cost import measure_zip
from taskzip.benchmarks.zip_cost_result import Limits, ZipCost, check
from taskzip.benchmarks.zip_growth import Case, Growth, Point, measure
from taskzip.contracts.config import load_config
from taskzip.contracts.errors import CheckFailed
from taskzip.pipeline.networks.user_code import UserFolder

PROJECT = Path(__file__).parents[1] / "pipeline" / "small_project"


def cost(**changes: object) -> ZipCost:
    whole = {
        "zip_seconds": 3.0,
        "zip_cpu_seconds": 6.0,
        "forward_seconds": 2.0,
        "forward_cpu_seconds": 4.0,
        "peak_rss_bytes": 8_000_000_000,
        "size_ratio": 0.5,
        "threads": 2,
        "load_average": (0.0, 0.0),
        "steps": {},
        "tasks": (),
    }
    return ZipCost.model_validate({**whole, **changes})


def test_a_zip_is_measured_step_by_step(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    for seed, name in enumerate(("day", "night")):
        torch.manual_seed(seed)
        network = UserFolder(folder).module("networks").network()
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    found = measure_zip(load_config(folder / "project.toml"), folder)
    assert sum(found.steps.values()) == pytest.approx(found.zip_seconds)
    assert found.steps["forward passes"] > 0
    assert found.forward_seconds == pytest.approx(sum(t.forward_seconds for t in found.tasks))
    assert found.size_ratio < 1
    assert [task.name for task in found.tasks] == ["day", "night"]


def test_a_zip_is_held_to_the_limits_that_are_given() -> None:
    limits = Limits(ratio=2.0, peak_rss_bytes=8_000_000_000, seconds=4.2)
    check(cost(zip_seconds=4.0), limits)
    check(cost(zip_seconds=400.0), Limits())
    with pytest.raises(CheckFailed, match=r"2\.05 × the passes"):
        check(cost(zip_seconds=4.1), limits)
    with pytest.raises(CheckFailed, match=r"8\.10 GB, more than 8 GB"):
        check(cost(peak_rss_bytes=8_100_000_000), limits)
    with pytest.raises(CheckFailed, match=r"4\.3 s, more than 4\.2 s"):
        check(cost(zip_seconds=4.3, forward_seconds=9.0), limits)


def test_growth_is_measured_and_its_exponent_is_the_slope() -> None:
    measured = measure("tasks", [Case(width=8, tasks=2, samples=16), Case(8, 3, 16)])
    assert [point.tasks for point in measured.points] == [2, 3]
    points = tuple(
        Point(width=width, tasks=2, samples=1, seconds=1, cpu_seconds=width**3 / 7)
        for width in (2, 4, 16)
    )
    growth = Growth(along="width", points=points)
    assert growth.exponent == pytest.approx(3)
    assert growth.exponents == pytest.approx((3, 3))
