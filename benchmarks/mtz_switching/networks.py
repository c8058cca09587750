"""Residual networks of the size that the MTZ paper switches between, zipped and exported.

ResNet-28 as for the Visual Decathlon (Rebuffi et al., NeurIPS 2017): a stem, three stages of four
blocks with two convolutions each, 64, 128 and 256 wide; 5.8 million weights. The weights are
random: how long a file takes to load does not depend on them. Images are 4 × 4 instead of
72 × 72, so that an emulated processor answers soon; the weights are the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from taskzip.benchmarks.measure import BUNDLE_DIR
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.config import ExportConfig, Share, ZipConfig
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
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
BLOCKS = 4
"""In each stage."""
IMAGE = (1, 3, 4, 4)
_CALIBRATION = (8, *IMAGE[1:])


NETWORKS_FILE = "networks.json"

SharingPlan = Literal["layers", "channels"]
SHARES: dict[SharingPlan, Share | dict[str, Share]] = {
    "layers": {"9.inner.0": 0, "10.inner.0": 0},
    "channels": 0.95,
}
"""Two ways to share 90 % of a network's weights, as `[zip] share` says them.

`layers`: all but the last two blocks of the second stage, whose convolutions are each task's own,
and the classifier. `channels`: as many channels of every layer.
"""


class Networks(Document):
    """Which networks a folder has: `networks.json`."""

    tasks: Annotated[int, Field(ge=2)] = TASKS
    width: Annotated[int, Field(ge=1)] = 64
    """Channels of the first stage; the second has twice, the third four times as many."""
    sharing: SharingPlan = "layers"
    seed: int = 0

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return self.width, 2 * self.width, 4 * self.width


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


def resnet28(widths: Sequence[int]) -> nn.Module:
    """(n, 3, h, w) → (n, CLASSES), random weights, in eval mode."""
    width = widths[0]
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for wider in widths:
        for _ in range(BLOCKS):
            layers.append(Block(width, wider))
            width = wider
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES)]
    return nn.Sequential(*layers).eval()


def random_tasks(networks: Networks) -> tuple[Task, ...]:
    """Networks of one architecture, each with weights of its own."""
    torch.manual_seed(networks.seed)
    images = torch.randn(_CALIBRATION)
    return tuple(
        Task(f"t{index}", resnet28(networks.widths), lambda: [images])
        for index in range(networks.tasks)
    )


def zipped(tasks: Sequence[Task], sharing: SharingPlan, progress: Progress) -> Zipped:
    """One joint network; any channels of a layer will do."""
    config = ZipConfig(
        method="random", share=SHARES[sharing], refit=False, reconstruct_steps=0, affine="none"
    )
    return zip_tasks(tasks, config, progress)


def make_bundle(
    folder: Path, networks: Networks, runtimes: tuple[Runtime, ...], progress: Progress
) -> Bundle:
    """The bundle of these networks in `folder`; the one that is there, if it has these runtimes.

    BadInput if the folder has other networks.
    """
    bundle_file, said = folder / BUNDLE_DIR / BUNDLE_FILE, folder / NETWORKS_FILE
    if bundle_file.exists():
        _refuse_others(said, networks)
        bundle = Bundle.read(bundle_file)
        if {model.runtime for model in bundle.models} == set(runtimes):
            return bundle
    networks.write(said)
    return _export(folder / BUNDLE_DIR, networks, runtimes, progress)


def _refuse_others(file: Path, networks: Networks) -> None:
    there = Networks.read(file) if file.exists() else None
    if there != networks:
        raise BadInput(
            f"{file.parent}: has a bundle of other networks ({there or f'no {file.name}'}; "
            f"asked for: {networks}); name another folder"
        )


def _export(
    folder: Path, networks: Networks, runtimes: tuple[Runtime, ...], progress: Progress
) -> Bundle:
    tasks = random_tasks(networks)
    progress.step(f"zipping {len(tasks)} networks")
    joint = zipped(tasks, networks.sharing, progress).joint
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
            for task in tasks
        )
        exports = Exports.as_they_are(*forms)
        return write_bundle(exports, ExportConfig(runtimes=runtimes), folder, workers, progress)
