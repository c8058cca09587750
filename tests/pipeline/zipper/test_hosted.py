"""Hybrid networks in which the first task's trunk stands for all, to be trained."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.retraining import retrain
from taskzip.pipeline.zipper import JointNetwork
from taskzip.pipeline.zipper.joint import TaskNetwork
from taskzip.pipeline.zipper.sparse_layer import SummedLayer

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

SAME_FUNCTION = 2e-5
"""Float32 sums in another order, outputs of order 1."""
SAME_AFTER_REFIT = 1e-3
"""The ridge holds private layers near what they are, with numbers of this size."""
FAMILIES = UserFolder(Path(__file__).parents[1]).module("families")
HOSTED = {"method": "hybrid", "hybrid_start": "first"}
ALL_SHARED = sorted(set(FAMILIES.FAMILIES) - {"recurrent", "transformer"})
"""But for heads; LSTMs and layer norms are each task's own."""
PARTS_OF_8 = 9
"""Three batches of 20 in the trials' data."""


@pytest.fixture
def pair(convolutional: Networks) -> list[nn.Sequential]:
    return [convolutional(seed=1), convolutional(seed=2)]


def summed(joint: JointNetwork, task: str) -> list[SummedLayer]:
    return [each for each in joint.task(task).modules() if isinstance(each, SummedLayer)]


def into_head(joint: JointNetwork, task: str, x: torch.Tensor) -> torch.Tensor:
    network = cast(TaskNetwork, joint.task(task))
    found: list[torch.Tensor] = []
    *_, head = network.layers.values()
    with torch.no_grad(), head.register_forward_pre_hook(lambda _, given: found.append(given[0])):
        network(x)
    return found[0]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        *((kind, {"affine": "all"}) for kind in ALL_SHARED),
        ("residual", {"affine": "none"}),
        ("depthwise", {"affine": "all", "share_depthwise": False}),
    ],
)
def test_the_first_task_is_as_it_was_and_lends_the_others_its_trunk(
    try_zip: TryZip, kind: str, settings: dict[str, object]
) -> None:
    networks = [FAMILIES.made(kind, seed) for seed in (1, 2)]
    trial = try_zip(networks, shape=(2, 9, 9), **HOSTED, **settings)
    before, after = trial.outputs()[0]
    assert (before - after).abs().max() < SAME_AFTER_REFIT
    joint, x = trial.zipped.joint, torch.randn(3, 2, 9, 9)
    of_first, of_second = (into_head(joint, task, x) for task in ("t0", "t1"))
    assert torch.allclose(of_first, of_second, atol=SAME_FUNCTION)


def test_heads_are_solved_for_it(pair: list[nn.Sequential], try_zip: TryZip) -> None:
    solved = try_zip(pair, **HOSTED).squared_error()
    assert solved < 0.5 * try_zip(pair, **HOSTED, refit=False).squared_error()


def test_layers_before_what_is_shared_stay_the_tasks_own(
    pair: list[nn.Sequential], try_zip: TryZip
) -> None:
    trial = try_zip(pair, **HOSTED, private_layers=("0",), affine="all")
    network = cast(TaskNetwork, trial.zipped.joint.task("t1"))
    first = next(iter(network.layers.values())).get_parameter("weight")
    own = pair[1].get_parameter("0.weight")
    assert sorted(first.sum((1, 2, 3)).tolist()) == pytest.approx(
        sorted(own.sum((1, 2, 3)).tolist())
    )
    before, after = trial.outputs()[0]
    assert (before - after).abs().max() < SAME_AFTER_REFIT


@pytest.mark.parametrize("tasks", [2, 3])
def test_all_entries_are_the_other_tasks_and_change_nothing_yet(
    convolutional: Networks, try_zip: TryZip, tasks: int
) -> None:
    networks = [convolutional(seed=seed) for seed in range(tasks)]
    without, some = (try_zip(networks, **HOSTED, hybrid_density=each) for each in (0, 0.1))
    for (_, plain), (_, hosted) in zip(without.outputs(), some.outputs(), strict=True):
        assert torch.equal(plain, hosted)
    joint = some.zipped.joint
    weights = sum(each.get_parameter("weight").numel() for each in joint.shared)
    counts = [
        sum(len(each.added.values) for each in summed(joint, f"t{index}")) for index in range(tasks)
    ]
    assert counts == [0] + [round(0.1 * tasks * weights / (tasks - 1))] * (tasks - 1)


def test_entries_lie_where_squared_gradients_are_largest(
    pair: list[nn.Sequential], try_zip: TryZip
) -> None:
    trial = try_zip(pair, **HOSTED, hybrid_density=0.05)
    joint = try_zip(pair, **HOSTED, hybrid_density=0).zipped.joint
    weights = [each.get_parameter("weight") for each in joint.shared]
    importance = torch.zeros(sum(each.numel() for each in weights), dtype=torch.float64)
    parts = [part for batch in trial.tasks[1].calibration() for part in batch.split(8)]
    assert len(parts) == PARTS_OF_8
    for x in parts:
        joint.zero_grad()
        (joint("t1", x) - pair[1](x)).square().mean().backward()
        gradients = [cast(torch.Tensor, each.grad).flatten() for each in weights]
        importance += torch.cat(gradients).double() ** 2
    hosted, start, found = trial.zipped.joint, 0, []
    for block in hosted.shared:
        for layer in summed(hosted, "t1"):
            found += (layer.added.places + start).tolist() if layer.shared is block else []
        start += block.get_parameter("weight").numel()
    assert found == sorted(importance.topk(len(found)).indices.tolist())


def test_training_moves_the_entries_from_nothing(
    pair: list[nn.Sequential], try_zip: TryZip, tmp_path: Path
) -> None:
    trial = try_zip(pair, **HOSTED, hybrid_density=0.1, affine="all")
    joint, before = trial.zipped.joint, trial.squared_error()
    config = RetrainConfig(iterations=50, rate=3e-3, batch_size=20, loss="absolute")
    retrain(joint, trial.tasks, config, Silent(), tmp_path / "state")
    assert trial.squared_error() < before
    layers = summed(joint, "t1")
    assert layers
    assert all(each.added.values.any() for each in layers)
    joint.save(tmp_path)
    loaded, x = JointNetwork.load(tmp_path), torch.randn(3, 1, 10, 10)
    assert torch.equal(loaded("t1", x), joint("t1", x))


def test_a_budget_is_spent_on_entries_and_kept(pair: list[nn.Sequential], try_zip: TryZip) -> None:
    found = try_zip(pair, **HOSTED, max_size_ratio=0.7).zipped.bytes
    assert 0.9 * 0.7 < found.joint / found.separate <= 0.7


@pytest.mark.parametrize(
    ("widths", "share", "said"),
    [((4, 6, 8), 0.5, "shares 2 channels of t0 4, t1 4"), ((4, 5, 8), 1.0, "of t0 6, t1 5")],
)
def test_channels_without_a_like_are_refused(
    convolutional: Networks,
    try_zip: TryZip,
    widths: tuple[int, int, int],
    share: float,
    said: str,
) -> None:
    networks = [convolutional(seed=1), convolutional(widths, seed=2)]
    with pytest.raises(BadInput, match=said):
        try_zip(networks, **HOSTED, share=share)
