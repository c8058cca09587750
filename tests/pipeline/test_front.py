"""Trainings that leave what lies before the first shared layer as it is."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.retraining import retrain
from taskzip.pipeline.retraining.front import parted
from taskzip.pipeline.zipper import JointNetwork, zip_tasks
from taskzip.pipeline.zipper.joint import TaskNetwork

Tensors = dict[str, torch.Tensor]
FAMILIES = UserFolder(Path(__file__).parent).module("families")
PRIVATE = {
    "concatenated": ("left", "right"),
    "depthwise": ("0",),
    "one-dimensional": ("1",),
    "recurrent": ("before",),
    "residual": ("stem", "blocks.0.0"),
    "transformer": ("patches",),
}
LEARNING = {"iterations": 25, "rate": 2e-3, "batch_size": 20, "loss": "squared"}


def tasks(kind: str) -> list[Task]:
    made = []
    for seed in (1, 2):
        data = torch.randn(60, 2, 9, 9, generator=torch.Generator().manual_seed(seed))
        made.append(Task(f"t{seed}", FAMILIES.made(kind, seed), lambda data=data: [data]))
    return made


def zipped(of: list[Task], private: tuple[str, ...] = ()) -> JointNetwork:
    config = ZipConfig(refit=False, reconstruct_steps=0, affine="all", private_layers=private)
    return zip_tasks(of, config, Silent()).joint


def trained(of: list[Task], private: tuple[str, ...], state: Path, **config: object) -> Tensors:
    joint = zipped(of, private)
    settings = RetrainConfig.model_validate({**LEARNING, **config})
    retrain(joint, of, settings, Silent(), state)
    assert all(each.requires_grad for each in joint.parameters())
    return {name: each.detach().clone() for name, each in joint.named_parameters()}


@pytest.mark.parametrize("kind", sorted(FAMILIES.FAMILIES))
def test_front_and_rest_are_the_network(kind: str) -> None:
    joint = zipped(tasks(kind), PRIVATE[kind])
    x = torch.randn(4, 2, 9, 9)
    for task in joint.names:
        network = joint.task(task)
        front, rest = parted(cast(TaskNetwork, network))
        with torch.no_grad():
            assert torch.equal(rest(front(x)), network(x))


def test_the_front_ends_before_the_first_shared_layer_where_one_value_goes_on() -> None:
    private = [
        len(parted(cast(TaskNetwork, zipped(tasks("residual"), names).task("t1")))[0].layers)
        for names in (("stem", "blocks.0.0"), ("stem", "blocks.0.0", "blocks.0.3"))
    ]
    assert private == [1, 3]


def test_only_the_front_stays_as_it_is(tmp_path: Path) -> None:
    of, private = tasks("one-dimensional"), PRIVATE["one-dimensional"]
    before = trained(of, private, tmp_path / "none", iterations=0)
    after = trained(of, private, tmp_path / "state", frozen_front=True)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {
        f"tasks.{task}.layers.0.{each}" for task in (0, 1) for each in ("weight", "bias")
    }


def test_where_the_first_layer_is_shared_it_is_the_same_training(tmp_path: Path) -> None:
    of = tasks("one-dimensional")
    plain, frozen = (
        trained(of, (), tmp_path / str(each), frozen_front=each) for each in (False, True)
    )
    before = trained(of, (), tmp_path / "none", iterations=0)
    assert not any(torch.equal(before[name], frozen[name]) for name in plain)
    assert all(torch.equal(plain[name], frozen[name]) for name in plain)


def test_it_is_the_training_in_which_the_front_has_no_gradient(tmp_path: Path) -> None:
    """The rest learns what it would learn if the front were computed each time."""
    of, private = tasks("one-dimensional"), PRIVATE["one-dimensional"]
    before = trained(of, private, tmp_path / "none", iterations=0)
    frozen = trained(of, private, tmp_path / "frozen", frozen_front=True)
    assert any(not torch.equal(before[name], frozen[name]) for name in before)
    joint = zipped(of, private)
    for task in joint.names:
        parted(cast(TaskNetwork, joint.task(task)))[0].requires_grad_(False)
    settings = RetrainConfig.model_validate(LEARNING)
    retrain(joint, of, settings, Silent(), tmp_path / "plain")
    for name, each in joint.named_parameters():
        torch.testing.assert_close(each.detach(), frozen[name], atol=1e-5, rtol=1e-4)


class SequenceFirst(nn.Module):
    """(n, 2, 9, 9) → 9 rows of all inputs together, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(18, 5), nn.Linear(5, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.first(x.permute(2, 0, 1, 3).flatten(2)).relu()
        scores: torch.Tensor = self.head(self.second(rows).relu().mean(0))
        return scores


def test_a_front_that_does_not_give_a_row_for_each_input_is_refused(tmp_path: Path) -> None:
    of = [replace(each, network=SequenceFirst().eval()) for each in tasks("residual")]
    with pytest.raises(BadInput, match=r"t1: .*not one row for each input.*leave out"):
        trained(of, ("first",), tmp_path / "state", frozen_front=True)


@pytest.mark.parametrize("change", [{"mixup": 0.5}, {"shift_pixels": 1}])
def test_inputs_that_change_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="leave one of them out"):
        RetrainConfig.model_validate({"frozen_front": True, **change})
