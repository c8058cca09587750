from collections import Counter
from pathlib import Path

import pytest
import torch
from rich.console import Console

from taskzip.benchmarks.experiment import run_experiment
from taskzip.benchmarks.journal import read_records
from taskzip.benchmarks.measure import BUNDLE_DIR
from taskzip.benchmarks.measures import Measures, measures_by_cell
from taskzip.benchmarks.mtz_switching.conditions import ROUNDS, bench_config
from taskzip.benchmarks.mtz_switching.networks import (
    NETWORKS_FILE,
    SHARES,
    TASKS,
    Networks,
    SharingPlan,
    make_bundle,
    random_tasks,
    resnet28,
    zipped,
)
from taskzip.benchmarks.mtz_switching.result import RuntimeReloads, compare, render
from taskzip.benchmarks.plan import plan_experiment
from taskzip.benchmarks.workloads import sequence_of
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES
from taskzip.contracts.progress import Silent
from taskzip.contracts.record import Cell
from taskzip.pipeline.zipper.forms import partly_shared_layers
from tests.benchmarks.conftest import SimulatedDevice

NARROW = Networks(tasks=2, width=16)


def test_a_network_has_the_size_of_the_papers() -> None:
    with torch.device("meta"):
        network = resnet28(Networks().widths)
    assert sum(each.numel() for each in network.parameters()) == 5_877_066


@pytest.mark.parametrize("sharing", SHARES)
def test_the_joint_network_has_90_percent_of_each_once(sharing: SharingPlan) -> None:
    """Nearly: of layers as narrow as these the biases and the classifier are more of the whole."""
    joint = zipped(random_tasks(NARROW), sharing, Silent())
    parameters = joint.parameters
    assert parameters.shared / (parameters.separate / 2) == pytest.approx(0.9, abs=0.02)
    is_in_part = any(partly_shared_layers(joint.joint))
    assert is_in_part == (sharing == "channels")


def test_networks_of_a_seed_are_the_same_and_differ_from_task_to_task() -> None:
    one, again = (random_tasks(Networks(tasks=2, width=8, seed=4)) for _ in range(2))
    first, second = (torch.cat([p.flatten() for p in t.network.parameters()]) for t in one)
    assert torch.equal(first, torch.cat([p.flatten() for p in again[0].network.parameters()]))
    assert not torch.equal(first, second)


def test_a_bundle_of_other_networks_is_not_taken_for_these(
    bundle: Bundle, bundle_folder: Path, tmp_path: Path
) -> None:
    assert bundle_folder == tmp_path / BUNDLE_DIR
    bundle.write(bundle_folder / BUNDLE_FILE)
    NARROW.write(tmp_path / NETWORKS_FILE)
    assert make_bundle(tmp_path, NARROW, RUNTIMES, Silent()) == bundle
    with pytest.raises(BadInput, match="name another folder"):
        make_bundle(tmp_path, Networks(sharing="channels"), RUNTIMES, Silent())


def test_every_task_is_asked_for_as_often_as_there_are_rounds() -> None:
    names = [f"t{index}" for index in range(TASKS)]
    sequence = sequence_of(bench_config(TASKS, ROUNDS, "counted", (False,)), names, 0)
    assert Counter(sequence) == dict.fromkeys(range(9), ROUNDS)


@pytest.fixture
def measured(
    bundle: Bundle, device: SimulatedDevice, conditions: Conditions, tmp_path: Path
) -> dict[Cell, Measures]:
    plan = plan_experiment(bundle, bench_config(2, 2, "counted", (False, True)))
    assert {run.spec.mode for run in plan.runs} == {"parity", "latency"}
    run_experiment([device], plan, tmp_path, conditions, Silent())
    return measures_by_cell(read_records(tmp_path))


def test_the_baseline_is_the_quicker_of_both_packed_cache_settings(
    measured: dict[Cell, Measures],
) -> None:
    separate, lazy, joint = compare(measured, "litert")
    assert (separate.deployment, separate.packed_cache, separate.ratio) == (
        "separate-swap", True, None,
    )  # fmt: skip
    assert lazy.ratio == pytest.approx(separate.reload_ns / lazy.reload_ns)
    assert lazy.bar == 8.71
    assert joint.bar == 100
    assert lazy.holds == (lazy.ratio >= 8.71)


def test_the_papers_figure_stands_beside_ours(measured: dict[Cell, Measures]) -> None:
    found = RuntimeReloads(
        runtime="executorch", separate_bytes=9 << 20, joint_bytes=2 << 20,
        reloads=compare(measured, "executorch"),
    )  # fmt: skip
    console = Console(width=140, record=True)
    console.print(render(found, "nine networks"))
    text = console.export_text()
    assert "nine networks" in text
    assert "separate 9.00 MiB, joint 2.00 MiB" in text
    (line,) = [line for line in text.splitlines() if "joint-lazy" in line]
    assert "8.71" in line
