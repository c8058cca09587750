"""Moved and mixed inputs, and what the original networks answer to them."""

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
from taskzip.pipeline.retraining.augment import Augment
from taskzip.pipeline.retraining.shuffle import seeded
from taskzip.pipeline.zipper import zip_tasks


def task(name: str, inputs: torch.Tensor, network: nn.Module) -> Task:
    return Task(name, network.eval(), lambda: [inputs])


def linear(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


def test_images_move_together_and_repeat_their_edges() -> None:
    images = torch.rand(3, 2, 6, 7, generator=seeded(1))
    seen = set()
    for chance in range(60):
        moved = Augment(mixup=0.0, shift_pixels=1)(images, seeded(chance))[0]
        ways = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        fits = [way for way in ways if torch.equal(moved, _moved(images, *way))]
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) == 9


def _moved(images: torch.Tensor, down: int, right: int) -> torch.Tensor:
    rows = (torch.arange(6) + down).clamp(0, 5)
    columns = (torch.arange(7) + right).clamp(0, 6)
    return images[:, :, rows][:, :, :, columns]


def test_a_mixture_lies_between_two_inputs_and_only_the_fraction_is_mixed() -> None:
    inputs = torch.eye(400)
    mixed, labels = Augment(mixup=0.25, shift_pixels=0)(inputs, seeded(3), inputs)
    parts = (mixed > 0).sum(1)
    torch.testing.assert_close(mixed.sum(1), torch.ones(400))
    assert set(parts.tolist()) == {1, 2}
    assert 60 < int((parts == 2).sum()) < 140
    assert torch.equal(mixed[parts == 1], inputs[parts == 1])
    assert labels is not None
    assert torch.equal(labels, mixed)


def test_the_same_chance_gives_the_same_inputs() -> None:
    images = torch.rand(4, 1, 5, 5)
    augment = Augment(mixup=0.5, shift_pixels=2)
    assert torch.equal(augment(images, seeded(1, 2))[0], augment(images, seeded(1, 2))[0])
    assert not torch.equal(augment(images, seeded(1, 2))[0], augment(images, seeded(1, 3))[0])


def test_originals_answer_the_mixtures(tmp_path: Path) -> None:
    """A joint network that computes what they compute has nothing to learn, whatever is mixed."""
    tasks = [task(f"t{seed}", torch.randn(60, 5), linear(seed)) for seed in (1, 2)]
    joint = zip_tasks(tasks, ZipConfig(share=0.0, reconstruct_steps=0), Silent()).joint
    before = {name: each.clone() for name, each in joint.state_dict().items()}
    config = RetrainConfig(iterations=20, mixup=1.0, batch_size=20, optimizer="sgd", rate=0.1)
    retrain(joint, tasks, config, Silent(), tmp_path / "checkpoint")
    for name, each in joint.state_dict().items():
        torch.testing.assert_close(each, before[name], atol=1e-5, rtol=0)


def test_numbers_that_name_things_are_not_mixed(tmp_path: Path) -> None:
    words = torch.randint(0, 7, (20, 4))
    networks = [nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 2)) for _ in "ab"]
    tasks = [task(f"t{index}", words, each) for index, each in enumerate(networks)]
    joint = zip_tasks(tasks, ZipConfig(reconstruct_steps=0), Silent()).joint
    config = RetrainConfig(iterations=1, mixup=0.5)
    with pytest.raises(BadInput, match=r"task t0: inputs of type torch\.int64 .* retrain\.mixup"):
        retrain(joint, tasks, config, Silent(), tmp_path / "checkpoint")


def test_rows_of_numbers_are_not_moved(tmp_path: Path) -> None:
    tasks = [task(f"t{seed}", torch.randn(20, 5), linear(seed)) for seed in (1, 2)]
    joint = zip_tasks(tasks, ZipConfig(reconstruct_steps=0), Silent()).joint
    config = RetrainConfig(iterations=1, shift_pixels=1)
    with pytest.raises(BadInput, match=r"task t1: .*\(20, 5\) are no images"):
        retrain(joint, tasks, config, Silent(), tmp_path / "checkpoint")


@pytest.mark.parametrize("asked", [{"mixup": 0.5}, {"shift_pixels": 1}])
def test_labels_do_not_go_with_inputs_that_no_data_set_has(asked: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match='need target = "outputs"'):
        RetrainConfig.model_validate({"target": "labels", **asked})
