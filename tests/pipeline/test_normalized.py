"""Scales and shifts that learn as batch norms."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.retraining import retrain
from taskzip.pipeline.retraining.normalized import EPSILON, Normalized, fold, normalize
from taskzip.pipeline.zipper import JointNetwork, zip_tasks
from taskzip.pipeline.zipper.blocks import Affine

SAME_FUNCTION = {"atol": 1e-4, "rtol": 1e-4}
"""float32 sums in another order."""
Shape = tuple[int, ...]
SHAPES: list[tuple[Shape, int]] = [((6, 4, 5, 5), 2), ((6, 4, 7), 1), ((6, 4), 0), ((6, 3, 4), 0)]
"""Of what is scaled, and how many dimensions come after the channels."""


def affine(dimensions: int) -> Affine:
    made = Affine(4, dimensions)
    torch.manual_seed(1)
    nn.init.normal_(made.scale)
    nn.init.normal_(made.shift)
    return made


@pytest.mark.parametrize(("shape", "dimensions"), SHAPES)
def test_what_is_normalized_computes_the_same(shape: Shape, dimensions: int) -> None:
    network = nn.Sequential(affine(dimensions))
    inputs = 3 + 2 * torch.randn(shape)
    before = network(inputs)
    normalize(network, [inputs[:2], inputs[2:]])
    assert isinstance(network[0], Normalized)
    torch.testing.assert_close(network.eval()(inputs), before, **SAME_FUNCTION)
    fold(network)
    assert isinstance(network[0], Affine)
    torch.testing.assert_close(network(inputs), before, **SAME_FUNCTION)
    normalize(network, [inputs])
    torch.testing.assert_close(network.train()(inputs), before, **SAME_FUNCTION)


@pytest.mark.parametrize(("shape", "dimensions"), SHAPES)
def test_in_training_each_batch_has_the_same_mean_and_deviation(
    shape: Shape, dimensions: int
) -> None:
    network = nn.Sequential(affine(dimensions))
    normalize(network, [torch.randn(shape)])
    channel = 1 if dimensions else len(shape) - 1
    others = [axis for axis in range(len(shape)) if axis != channel]
    batch = network.train()(5 - 7 * torch.randn(shape))
    norm = network[0]
    torch.testing.assert_close(batch.mean(others), norm.bias, **SAME_FUNCTION)
    deviation = batch.var(others, correction=0).sqrt()
    torch.testing.assert_close(deviation, norm.weight.abs(), **SAME_FUNCTION)


def test_what_never_varies_stays_finite() -> None:
    network = nn.Sequential(affine(0))
    before = network(torch.ones(3, 4))
    normalize(network, [torch.ones(3, 4)])
    fold(network)
    torch.testing.assert_close(network(torch.ones(3, 4)), before, atol=EPSILON, rtol=1e-3)


def normed(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3)]
    head = [nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(54, 3)]
    return nn.Sequential(*layers, *head).eval()


Learn = Callable[..., JointNetwork]


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    def task(seed: int) -> Task:
        inputs = torch.randn(120, 1, 7, 7, generator=torch.Generator().manual_seed(seed))
        return Task(f"t{seed}", normed(seed), lambda: [inputs])

    return [task(1), task(2)]


@pytest.fixture
def learn(tasks: list[Task], tmp_path: Path) -> Learn:
    def run(**asked: object) -> JointNetwork:
        joint = zip_tasks(tasks, ZipConfig(refit=False, reconstruct_steps=0), Silent()).joint
        settings = {"iterations": 50, "batch_size": 20, "rate": 0.003, "batch_norm": True}
        config = RetrainConfig.model_validate({**settings, **asked})
        losses = retrain(joint, tasks, config, Silent(), tmp_path / "checkpoint").losses
        assert sum(each.after - each.before for each in losses.values()) < 0
        return joint

    return run


def test_a_trained_network_has_scales_and_shifts_again(learn: Learn, tmp_path: Path) -> None:
    joint = learn()
    assert not any(isinstance(each, Normalized) for each in joint.modules())
    assert not any(each.training for each in joint.modules())
    joint.save(tmp_path)
    again = JointNetwork.load(tmp_path)
    inputs = torch.randn(3, 1, 7, 7)
    for name in joint.names:
        assert torch.equal(again.task(name)(inputs), joint.task(name)(inputs))


def test_it_learns_something_else_than_without(learn: Learn) -> None:
    with_norms, without = learn(), learn(batch_norm=False)
    first = [dict(each.named_parameters())["shared.0.weight"] for each in (with_norms, without)]
    assert not torch.equal(*first)


def test_one_input_is_no_batch(tasks: list[Task], tmp_path: Path) -> None:
    one = [replace(each, calibration=lambda: [torch.ones(1, 1, 7, 7)]) for each in tasks]
    joint = zip_tasks(tasks, ZipConfig(reconstruct_steps=0), Silent()).joint
    with pytest.raises(BadInput, match=r"t1: there is one input .*batch_norm needs 2"):
        retrain(joint, one, RetrainConfig(iterations=1, batch_norm=True), Silent(), tmp_path / "c")


def test_batches_of_one_are_refused() -> None:
    with pytest.raises(ValidationError, match="batch_norm needs a batch_size of 2 or more"):
        RetrainConfig(batch_norm=True, batch_size=1)
