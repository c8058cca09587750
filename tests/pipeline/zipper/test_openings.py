"""Layers that are not alike stay private, but what they write is paired and read together."""

from collections.abc import Sequence

import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import Zipped, zip_tasks

SAME_FUNCTION = 1e-5
COPIES_DIFFER = 1e-3
"""Ridge and float32 sums, outputs of order 1."""


def image_network() -> nn.Module:
    """For 1 × 8 × 8."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten()),
        *(nn.Linear(24, 10), nn.ReLU(), nn.Linear(10, 3)),
    ).eval()


def signal_network(kernel: int = 3) -> nn.Sequential:
    """For 2 × 12."""
    return nn.Sequential(
        *(nn.Conv1d(2, 6, kernel, padding=kernel // 2), nn.ReLU(), nn.MaxPool1d(3), nn.Flatten()),
        *(nn.Linear(24, 10), nn.ReLU(), nn.Linear(10, 4)),
    ).eval()


def zipped(
    networks: Sequence[tuple[nn.Module, tuple[int, ...]]], **config: object
) -> tuple[Zipped, float]:
    """What was zipped, and the largest difference of an answer from the original's.

    Networks for inputs of one shape have the same data.
    """
    data = [
        torch.randn(60, *shape, generator=torch.Generator().manual_seed(0)) for _, shape in networks
    ]
    tasks = [
        Task(f"t{index}", network, lambda batch=batch: [batch])
        for index, ((network, _), batch) in enumerate(zip(networks, data, strict=True))
    ]
    found = zip_tasks(tasks, ZipConfig(reconstruct_steps=10, **config), Silent())
    with torch.no_grad():
        answers = [
            (found.joint.task(task.name)(batch) - task.network(batch)).abs().max()
            for task, batch in zip(tasks, data, strict=True)
        ]
    return found, float(max(answers))


def test_convolutions_over_images_and_signals_stay_private_and_what_reads_them_is_shared() -> None:
    torch.manual_seed(1)
    networks = [(image_network(), (1, 8, 8)), (signal_network(), (2, 12))]
    found, _ = zipped(networks, share_inputs=False)
    assert [(each.name, each.shared) for each in found.layers] == [("0", 0), ("4", 10), ("6", 0)]
    assert found.parameters.shared == 24 * 10 + 10
    assert [(group.name, group.shared) for group in found.plan.groups] == [("0", 6), ("4", 10)]
    assert len(found.notes) == 2
    assert zipped(networks, share=0, share_inputs=False)[1] < SAME_FUNCTION


def test_channels_of_unlike_layers_that_do_the_same_are_paired() -> None:
    torch.manual_seed(1)
    narrow, wide = signal_network(3), signal_network(5)
    order = torch.randperm(6)
    with torch.no_grad():
        wide[0].weight.zero_()
        wide[0].weight[:, :, 1:4] = narrow[0].weight[order]
        wide[0].bias.copy_(narrow[0].bias[order])
        wide[4].weight.copy_(narrow[4].weight.reshape(10, 6, 4)[:, order].reshape(10, 24))
        wide[4].bias.copy_(narrow[4].bias)
        wide[6].load_state_dict(narrow[6].state_dict())
    found, difference = zipped([(narrow, (2, 12)), (wide, (2, 12))])
    assert found.parameters.shared == 24 * 10 + 10
    assert difference < COPIES_DIFFER
