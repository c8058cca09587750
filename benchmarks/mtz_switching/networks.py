"""Nine residual networks of the size that the MTZ paper switches between, zipped and exported.

ResNet-28 as for the Visual Decathlon (Rebuffi et al., NeurIPS 2017): a stem, three stages of four
blocks with two convolutions each, 64, 128 and 256 wide; 5.8 million weights. The weights are
random: how long a file takes to load does not depend on them. Images are 4 × 4 instead of
72 × 72, so that an emulated processor answers soon; the weights are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.config import ExportConfig, ZipConfig
from taskzip.contracts.names import Runtime
from taskzip.contracts.progress import Progress
from taskzip.pipeline.exporters.accuracy import TaskData
from taskzip.pipeline.exporters.bundle import write_bundle
from taskzip.pipeline.exporters.two_forms import Exports, TwoForms
from taskzip.pipeline.exporters.workers import export_workers
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.zip import Zipped, zip_tasks

TASKS = 9
CLASSES = 10
IMAGE = (1, 3, 4, 4)
_CALIBRATION = (8, *IMAGE[1:])


@dataclass(frozen=True)
class Size:
    """How large the networks are; the paper's by default."""

    widths: tuple[int, ...] = (64, 128, 256)
    blocks: int = 4
    """In each stage."""


class Block(nn.Module):
    """relu(x + f(x)), (n, in_channels, h, w) → (n, out_channels, h / stride, w / stride)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        stride = 1 if in_channels == out_channels else 2
        self.inner = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.beside: nn.Module = nn.Identity()
        if stride > 1:
            self.beside = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.relu(self.inner(x) + self.beside(x))
        return answer


def resnet28(size: Size) -> nn.Module:
    """(n, 3, h, w) → (n, CLASSES), random weights, in eval mode."""
    width = size.widths[0]
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for wider in size.widths:
        for _ in range(size.blocks):
            layers.append(Block(width, wider))
            width = wider
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES)]
    return nn.Sequential(*layers).eval()


def random_tasks(count: int, size: Size, seed: int) -> tuple[Task, ...]:
    """Networks of one architecture, each with weights of its own."""
    torch.manual_seed(seed)
    images = torch.randn(_CALIBRATION)
    return tuple(Task(f"t{index}", resnet28(size), lambda: [images]) for index in range(count))


def zipped(tasks: Sequence[Task], share: float, progress: Progress) -> Zipped:
    """One joint network, that part of every layer's channels shared; any channels will do."""
    config = ZipConfig(
        method="random", share=share, refit=False, reconstruct_steps=0, affine="none"
    )
    return zip_tasks(tasks, config, progress)


def make_bundle(  # noqa: PLR0913 - each is a choice of its own
    folder: Path,
    runtimes: tuple[Runtime, ...],
    progress: Progress,
    *,
    tasks: int = TASKS,
    size: Size = Size(),
    share: float,
    seed: int = 0,
) -> Bundle:
    """The bundle in `folder`; the one that is there, if it has these runtimes."""
    if (folder / BUNDLE_FILE).exists():
        bundle = Bundle.read(folder / BUNDLE_FILE)
        if {model.runtime for model in bundle.models} == set(runtimes):
            return bundle
    networks = random_tasks(tasks, size, seed)
    progress.step(f"zipping {tasks} networks")
    joint = zipped(networks, share, progress).joint
    image = torch.randn(IMAGE)
    with export_workers(runtimes) as workers, torch.no_grad():
        forms = (
            TwoForms(
                task.name,
                joint.task(task.name),
                task.network,
                (image,),
                TaskData((image,), None, task.metric),
            )
            for task in networks
        )
        exports = Exports.as_they_are(*forms)
        return write_bundle(exports, ExportConfig(runtimes=runtimes), folder, workers, progress)
