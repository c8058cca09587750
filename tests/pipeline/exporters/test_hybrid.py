"""Networks with sparse parts of each task, exported by both runtimes and run on this machine."""

from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.config import ZipConfig
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.progress import Silent
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.layout import SUFFIXES
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import zip_tasks
from taskzip.pipeline.zipper.sparse_layer import without_entries

TOLERANCE = Tolerance(absolute=1e-4, relative=1e-4)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 16)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(16, 3)).eval()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_both_runtimes_answer_as_the_joint_network_does(
    workers: ExportWorkers, runtime: Runtime, tmp_path: Path
) -> None:
    data = [torch.randn(16, 1, 10, 10, generator=torch.Generator().manual_seed(0))]
    tasks = [Task(f"t{seed}", network(seed), lambda: data) for seed in (1, 2)]
    config = ZipConfig(method="hybrid", share=0.7, reconstruct_steps=0)
    joint = zip_tasks(tasks, config, Silent()).joint
    entries = [
        EntryPoint(name, without_entries(joint.task(name)), (data[0][:1],)) for name in joint.names
    ]
    order = FileOrder(tmp_path / f"hybrid{SUFFIXES[runtime]}", runtime, tuple(entries))
    (made,) = workers.export((order,), TOLERANCE)
    assert all(parity.ok for parity in made.parities)
    for entry in entries:
        assert torch.equal(entry.module(data[0]), joint.task(entry.name)(data[0]))
