"""Small networks with data, and how they are zipped in these tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import Zipped, zip_tasks


@dataclass(frozen=True)
class Trial:
    """Tasks t0, t1, … and what zipping them gave."""

    tasks: list[Task]
    zipped: Zipped

    def outputs(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """For each task the original's and the joint network's answers to its calibration data."""
        with torch.no_grad():
            return [
                (task.network(batch), self.zipped.joint.task(task.name)(batch))
                for task in self.tasks
                for batch in task.calibration()
            ]

    def largest_difference(self) -> float:
        """Between the two, over all tasks."""
        return max(float((before - after).abs().max()) for before, after in self.outputs())

    def squared_error(self) -> float:
        """The mean square of the differences, summed over all tasks and batches."""
        return sum(float((before - after).square().mean()) for before, after in self.outputs())


def _task(name: str, network: nn.Module, shape: tuple[int, ...]) -> Task:
    generator = torch.Generator().manual_seed(sum(name.encode()))
    data = [torch.randn(20, *shape, generator=generator) for _ in range(3)]
    return Task(name, network.eval(), lambda: data)


def _convolutional(widths: tuple[int, int, int] = (4, 6, 8), seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    a, b, c = widths
    layers = [nn.Conv2d(1, a, 3), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()]
    layers += [nn.Linear(b * 4, c), nn.ReLU(), nn.Linear(c, 3)]
    return nn.Sequential(*layers).eval()


def _try_zip(
    networks: Sequence[nn.Module], shape: tuple[int, ...] = (1, 10, 10), **config: object
) -> Trial:
    config = {"reconstruct_steps": 10, **config}
    tasks = [_task(f"t{index}", network, shape) for index, network in enumerate(networks)]
    return Trial(tasks, zip_tasks(tasks, ZipConfig.model_validate(config), Silent()))


@pytest.fixture
def convolutional() -> Callable[..., nn.Sequential]:
    """Makes networks for 1 × 10 × 10: two convolutions (layers 0, 3), linear layers 7 and 9."""
    return _convolutional


@pytest.fixture
def try_zip() -> Callable[..., Trial]:
    """Zips networks for inputs of one shape, with noise as data; keywords are the config's."""
    return _try_zip
