"""Features beside outputs: how they are compared, and that a training makes them alike."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.retraining import retrain
from taskzip.pipeline.retraining.features import unlikeness, watched, watched_original
from taskzip.pipeline.retraining.front import parted
from taskzip.pipeline.retraining.shuffle import seeded
from taskzip.pipeline.zipper import JointNetwork, zip_tasks
from taskzip.pipeline.zipper.joint import TaskNetwork

FAMILIES = UserFolder(Path(__file__).parent).module("families")
HEADS = {"depthwise": "9", "one-dimensional": "8"}
LEARNING = {"iterations": 60, "rate": 3e-3, "batch_size": 20, "loss": "squared"}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def tasks(kind: str = "one-dimensional") -> list[Task]:
    made = []
    for seed in (1, 2):
        data = torch.randn(100, 2, 9, 9, generator=seeded(seed))
        made.append(Task(f"t{seed}", FAMILIES.made(kind, seed), lambda data=data: [data]))
    return made


def zipped(of: list[Task], **settings: object) -> JointNetwork:
    asked = {"refit": False, "reconstruct_steps": 0, "affine": "all", **settings}
    return zip_tasks(of, ZipConfig.model_validate(asked), Silent()).joint


def features_unlike(joint: JointNetwork, task: Task) -> float:
    """On all of its data."""
    network = cast(TaskNetwork, joint.task(task.name))
    (inputs,) = task.calibration()
    with torch.no_grad():
        ours, theirs = watched(network, network)(inputs)[1], watched_original(task)(inputs)[1]
    return float(unlikeness(ours, theirs))


@given(st.integers(3, 9), st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_it_is_one_less_the_alignment_of_centred_kernels(
    inputs: int, ours: int, theirs: int, seed: int
) -> None:
    """By tr(KHLH) / sqrt(tr(KHKH) tr(LHLH))."""
    x, y = normal(inputs, ours, seed=seed), normal(inputs, theirs, seed=seed + 100)
    centre = torch.eye(inputs, dtype=x.dtype) - 1 / inputs
    k, m = x @ x.T @ centre, y @ y.T @ centre
    alignment = torch.trace(k @ m) / (torch.trace(k @ k) * torch.trace(m @ m)).sqrt()
    torch.testing.assert_close(unlikeness(x, y), 1 - alignment)


@given(st.integers(0, 99), st.sampled_from([1e-12, 0.3, 1e9]))
def test_neither_rotation_nor_scale_nor_shift_makes_features_unlike(
    seed: int, scale: float
) -> None:
    features = normal(12, 5, seed=seed)
    rotation = torch.linalg.qr(normal(5, 5, seed=seed + 100)).Q
    moved = (scale * features @ rotation + scale * normal(5)).float()
    assert float(unlikeness(moved, features.float())) == pytest.approx(0, abs=1e-4)
    assert float(unlikeness(features.square(), features)) > 0.01


def test_features_that_do_not_vary_are_unlike_and_give_no_gradient() -> None:
    constant = torch.ones(5, 3, requires_grad=True)
    found = unlikeness(constant, torch.randn(5, 3))
    found.backward()
    assert float(found.detach()) == 1
    assert torch.equal(constant.grad, torch.zeros(5, 3))


@pytest.mark.parametrize("kind", sorted(FAMILIES.FAMILIES))
def test_features_are_what_the_last_layer_reads(kind: str) -> None:
    """Of the original, of its place in a joint network that shares nothing, and of a part of it."""
    (task, other), seen = tasks(kind), []
    network = cast(TaskNetwork, zipped([task, other], share=0.0).task(task.name))
    front, rest = parted(network)
    x = torch.randn(6, 2, 9, 9)
    head = task.network.get_submodule(HEADS.get(kind, "head"))
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        answers = task.network(x)
        handle.remove()
        found = [
            watched_original(task)(x),
            watched(network, network)(x),
            watched(rest, network)(front(x)),
        ]
    for said, features in found:
        torch.testing.assert_close(said, answers, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(features, seen[0].flatten(1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("more", [{}, {"frozen_front": True}, {"mixup": 0.5}, {"batch_norm": True}])
def test_features_become_more_alike_than_by_outputs_alone(
    tmp_path: Path, more: dict[str, object]
) -> None:
    of = tasks()
    left = {}
    for weight in (0.0, 3.0):
        joint = zipped(of, private_layers=("1",))
        settings = RetrainConfig.model_validate({**LEARNING, "feature_weight": weight, **more})
        retrain(joint, of, settings, Silent(), tmp_path / f"{weight}")
        left[weight] = [features_unlike(joint, task) for task in of]
    assert sum(left[3.0]) < 0.9 * sum(left[0.0])


def test_a_tasks_own_weight_goes_before_the_configs(tmp_path: Path) -> None:
    of, trained = tasks(), {}
    for own, config in ((None, 2.0), (2.0, 0.0), (0.0, 2.0), (None, 0.0)):
        given = [replace(task, feature_weight=own) for task in of]
        joint = zipped(of)
        settings = RetrainConfig.model_validate({**LEARNING, "feature_weight": config})
        retrain(joint, given, settings, Silent(), tmp_path / f"{own} {config}")
        trained[own, config] = torch.cat([each.flatten() for each in joint.parameters()])
    assert torch.equal(trained[None, 2.0], trained[2.0, 0.0])
    assert torch.equal(trained[None, 0.0], trained[0.0, 2.0])
    assert not torch.equal(trained[None, 0.0], trained[None, 2.0])


def test_a_joint_network_that_computes_the_same_has_nothing_to_learn(tmp_path: Path) -> None:
    of = tasks()
    joint = zipped(of, share=0.0)
    before = {name: each.clone() for name, each in joint.state_dict().items()}
    settings = RetrainConfig.model_validate(
        {**LEARNING, "feature_weight": 1.0, "optimizer": "sgd", "mixup": 0.5}
    )
    retrain(joint, of, settings, Silent(), tmp_path / "checkpoint")
    for name, each in joint.state_dict().items():
        torch.testing.assert_close(each, before[name], atol=1e-4, rtol=0)


def test_a_network_without_layers_has_no_features() -> None:
    data = torch.rand(5, 3)
    with pytest.raises(BadInput, match=r"task sum: .* leave out retrain\.feature_weight"):
        watched_original(Task("sum", nn.Softmax(1), lambda: [data]))
