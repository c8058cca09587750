"""Files of both runtimes, really exported by their frameworks and run on this machine."""

from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.errors import BadInput, CheckFailed
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import sharing, unique_bytes
from taskzip.pipeline.exporters.orders import Exported, FileOrder
from taskzip.pipeline.exporters.stored_once import GROWTH
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.layout import SUFFIXES

Files = dict[tuple[Runtime, str], Exported]
Entries = dict[str, tuple[EntryPoint, ...]]

GRAPH_BYTES = 16 * 1024
"""What a graph of a dozen operations takes beside its weights."""

pytestmark = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.mark.parametrize("stem", ["pair", "left", "equal"])
def test_every_entry_computes_what_torch_computes(
    exported: Files, entries: Entries, runtime: Runtime, stem: str
) -> None:
    parities = exported[runtime, stem].parities
    assert [parity.task for parity in parities] == [entry.name for entry in entries[stem]]
    assert all(parity.ok for parity in parities)
    assert all(parity.max_abs_error < parity.allowed for parity in parities)


@pytest.mark.parametrize("stem", ["pair", "equal"])
def test_shared_weights_are_stored_once(
    exported: Files, entries: Entries, runtime: Runtime, stem: str
) -> None:
    networks = {entry.name: entry.module for entry in entries[stem]}
    weights = unique_bytes(networks.values())
    size = exported[runtime, stem].order.path.stat().st_size
    assert weights <= size <= weights * (1 + GROWTH) + GRAPH_BYTES
    shared = sharing(networks).shared_bytes
    assert size < sum(unique_bytes([network]) for network in networks.values()) - shared / 2


def test_a_joint_file_is_little_larger_than_one_of_its_networks(
    exported: Files, entries: Entries, runtime: Runtime
) -> None:
    joint = exported[runtime, "pair"].order.path.stat().st_size
    alone = exported[runtime, "left"].order.path.stat().st_size
    head = unique_bytes([entries["pair"][1].module[1]])  # type: ignore[index]
    assert joint - alone <= head + GRAPH_BYTES


def test_the_same_entries_give_the_same_bytes(exported: Files, runtime: Runtime) -> None:
    first = exported[runtime, "equal"].order.path.read_bytes()
    assert exported[runtime, "again"].order.path.read_bytes() == first


def test_a_file_that_is_not_within_the_tolerance_fails_by_name(
    workers: ExportWorkers, entries: Entries, runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / f"strict{SUFFIXES[runtime]}"
    with pytest.raises(CheckFailed, match=rf"{path.name}: task left differs from torch by \d"):
        workers.export(
            [FileOrder(path, runtime, entries["left"])], Tolerance(absolute=-1.0, relative=0.0)
        )


class _Bessel(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x)


def test_an_operator_that_cannot_be_lowered_is_named(
    workers: ExportWorkers, runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / f"bessel{SUFFIXES[runtime]}"
    order = FileOrder(path, runtime, (EntryPoint("waves", _Bessel(), (torch.ones(1, 4),)),))
    with pytest.raises(BadInput, match=rf"{runtime}: the network of waves.*bessel_j0"):
        workers.export([order], Tolerance(absolute=1.0, relative=0.0))
    assert list(tmp_path.iterdir()) == []


class _Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum().item() > 0 else -x


def test_a_network_that_cannot_be_traced_is_named(
    workers: ExportWorkers, runtime: Runtime, tmp_path: Path
) -> None:
    order = FileOrder(
        tmp_path / "file", runtime, (EntryPoint("forked", _Branching(), (torch.ones(1, 4),)),)
    )
    with pytest.raises(BadInput, match=r"the network of forked cannot be traced"):
        workers.export([order], Tolerance(absolute=1.0, relative=0.0))
