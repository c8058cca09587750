"""Joint networks of every kind, exported by both runtimes and run on this machine."""

from pathlib import Path

import pytest
import torch

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.config import ZipConfig
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.progress import Silent
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import unique_bytes
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.layout import SUFFIXES
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.zipper import zip_tasks

FAMILIES = UserFolder(Path(__file__).parents[1]).module("families")
TOLERANCE = Tolerance(absolute=1e-4, relative=1e-4)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SHARE = 0.7
"""Layers with all blocks: shared, from own, own."""


@pytest.fixture(scope="module")
def entries() -> tuple[EntryPoint, ...]:
    """Two tasks of each kind, zipped in pairs."""
    return tuple(entry for kind in FAMILIES.FAMILIES for entry in _pair(kind))


def _pair(kind: str) -> list[EntryPoint]:
    data = [torch.randn(16, 2, 9, 9, generator=torch.Generator().manual_seed(0))]
    tasks = [Task(f"t{seed}", FAMILIES.made(kind, seed), lambda: data) for seed in (1, 2)]
    joint = zip_tasks(tasks, ZipConfig(share=SHARE, reconstruct_steps=0), Silent()).joint
    title = kind.replace("-", "_")
    return [EntryPoint(f"{title}_{n}", joint.task(n), (data[0][:1],)) for n in joint.names]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_kind_exports_and_agrees_with_torch(
    workers: ExportWorkers, entries: tuple[EntryPoint, ...], runtime: Runtime, tmp_path: Path
) -> None:
    order = FileOrder(tmp_path / f"kinds{SUFFIXES[runtime]}", runtime, entries)
    (made,) = workers.export((order,), TOLERANCE)
    assert [parity.task for parity in made.parities] == [entry.name for entry in entries]
    assert all(parity.ok for parity in made.parities)
    weights = unique_bytes([entry.module for entry in entries])
    apart = sum(unique_bytes([entry.module]) for entry in entries)
    assert order.path.stat().st_size - weights < len(entries) * 24 * 1024
    assert weights < apart
