"""Training after each layer: the zip goes on from the networks as the training left them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.zipper import Aids, JointNetwork, Zipped, survey, zip_scene, zip_tasks
from taskzip.pipeline.zipper.blocks import plain
from taskzip.pipeline.zipper.checkpoint import Checkpoints

_KINDS = UserFolder(Path(__file__).parents[1]).module("families")
FAMILIES, made = _KINDS.FAMILIES, _KINDS.made

BY_WEIGHTS = {"method": "average", "refit": False, "affine": "none", "share": 0.6}
"""Pairs and vectors that no data enters."""
SAME_FUNCTION = 1e-5


def tasks(family: str, count: int = 2) -> list[Task]:
    return [_task(f"t{seed}", made(family, seed), seed) for seed in range(1, count + 1)]


def _task(name: str, network: nn.Module, seed: int) -> Task:
    inputs = torch.randn(20, 2, 9, 9, generator=torch.Generator().manual_seed(seed))
    return Task(name, network, lambda: inputs.split(8))


def zipped(of: list[Task], aids: Aids | None = None, **config: object) -> Zipped:
    settings = ZipConfig.model_validate({"reconstruct_steps": 0, **config})
    return zip_tasks(of, settings, Silent(), aids or Aids())


class Growing:
    """Changes all weights a little, each time; can be interrupted."""

    def __init__(self, interrupted_at: int = -1) -> None:
        self.seen: list[int] = []
        """How many blocks were stored once, each time."""
        self._interrupted_at = interrupted_at

    def __call__(self, joint: JointNetwork) -> None:
        """One change."""
        self.seen.append(len(joint.shared))
        if len(self.seen) == self._interrupted_at:
            raise KeyboardInterrupt
        with torch.no_grad():
            for parameter in joint.parameters():
                parameter.mul_(1.001).add_(0.001)


@pytest.mark.parametrize("affine", ["none", "all"])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_layer_of_a_task_is_one_plain_layer_too(family: str, affine: str) -> None:
    joint = zipped(tasks(family), share=0.6, affine=affine).joint
    for task in joint.tasks:
        for layer in task.layers.values():
            held = plain(layer)
            shape = {nn.Linear: (), nn.Conv1d: (9,), nn.Conv2d: (9, 9)}[type(held)]
            inputs = held.in_features if shape == () else held.in_channels
            x = torch.randn(4, inputs, *shape)
            torch.testing.assert_close(held(x), layer(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_that_changes_nothing_changes_nothing(family: str) -> None:
    of = tasks(family)
    without = zipped(of, **BY_WEIGHTS)
    seen: list[JointNetwork] = []
    found = zipped(of, Aids(tune=seen.append), **BY_WEIGHTS)
    assert len(seen) == len(found.joint.shared)
    assert [each.groups for each in found.plan.groups] == [
        each.groups for each in without.plan.groups
    ]
    x = torch.randn(5, 2, 9, 9)
    for task in of:
        a, b = (each.joint.task(task.name)(x) for each in (found, without))
        assert (a - b).abs().max() < SAME_FUNCTION


def test_it_follows_each_layer_that_shares_something() -> None:
    growing = Growing()
    found = zipped(tasks("residual"), Aids(tune=growing))
    assert growing.seen == list(range(1, len(found.joint.shared) + 1))


def test_what_was_trained_is_what_is_shared_in_the_end() -> None:
    """Refitted to the originals alone, the first layer would not have what the training added."""
    kept: list[torch.Tensor] = []

    def tune(joint: JointNetwork) -> None:
        first = joint.shared[0].weight
        with torch.no_grad():
            first.add_(0.5)
        kept.append(first.detach().clone())

    found = zipped(tasks("one-dimensional"), Aids(tune=tune), share=1.0)
    assert len(kept) > 1
    assert torch.equal(found.joint.shared[0].weight, kept[-1])


def test_the_tasks_networks_stay_as_they_are() -> None:
    of = tasks("residual")
    before = [{k: v.clone() for k, v in task.network.state_dict().items()} for task in of]
    zipped(of, Aids(tune=Growing()))
    for task, state in zip(of, before, strict=True):
        now = task.network.state_dict()
        assert all(torch.equal(now[key], value) for key, value in state.items())


@pytest.mark.parametrize("family", ["residual", "transformer"])
@pytest.mark.parametrize("interrupted_at", [1, 3])
def test_an_interrupted_one_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, family: str, interrupted_at: int
) -> None:
    config = ZipConfig.model_validate({"reconstruct_steps": 2, "share": 0.6})

    def run(kept_in: str, tune: Callable[[JointNetwork], None]) -> list[bytes]:
        kept = Checkpoints(tmp_path / kept_in, {"[zip]": "1"}, Silent())
        scene = survey(kept.watched(tasks(family)), config, Silent())
        found = zip_scene(scene, config, Silent(), Aids(None, kept, tune))
        out = tmp_path / f"{kept_in} zipped"
        found.joint.save(out)
        found.plan.write(out / "plan.json")
        return [path.read_bytes() for path in sorted(out.iterdir())]

    whole = Growing()
    wanted = run("never interrupted", whole)
    with pytest.raises(KeyboardInterrupt):
        run("interrupted", Growing(interrupted_at))
    steps = list((tmp_path / "interrupted").rglob("*.safetensors"))
    assert len(steps) == (interrupted_at > 1), "the last step holds all before it"
    rest = Growing()
    assert run("interrupted", rest) == wanted
    assert rest.seen == whole.seen[interrupted_at - 1 :]
