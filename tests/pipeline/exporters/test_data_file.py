"""Joint .pte files made otherwise: with their weights in a .ptd, and without a delegate."""

from pathlib import Path

import pytest
import torch

from taskzip.contracts.config import TOLERANCES
from taskzip.contracts.errors import BadInput
from taskzip.contracts.ledger import FileLedger
from taskzip.contracts.names import Precision
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import sharing
from taskzip.pipeline.exporters.making import Making
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.provenance import provenance_of
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.inspection.inspect import inspect
from taskzip.pipeline.inspection.pte import own_kernels

GRAPH_BYTES = 16 * 1024
"""What a graph of a dozen operations takes beside its weights."""
Pair = tuple[EntryPoint, ...]


@pytest.fixture(scope="module")
def pair() -> Pair:
    """Two tasks on one trunk; 0.5 MB of weights, most of them shared."""
    torch.manual_seed(0)
    images = torch.randn(4, 1, 12, 12)
    layers = [torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten()]
    trunk = torch.nn.Sequential(*layers, torch.nn.Linear(800, 160), torch.nn.ReLU())
    networks = {
        name: torch.nn.Sequential(trunk, torch.nn.Linear(160, 10)).eval() for name in ("one", "two")
    }
    return tuple(
        EntryPoint(name, network, (images[:1],), (images[1:],))
        for name, network in networks.items()
    )


def export(workers: ExportWorkers, pair: Pair, path: Path, making: Making) -> FileLedger:
    """Make the file, which checks what it computes; its ledger."""
    order = FileOrder(path, "executorch", pair, making)
    (made,) = workers.export([order], TOLERANCES[making.precision])
    assert all(parity.ok for parity in made.parities)
    (found,) = inspect(path).files
    assert (found.duplicated_bytes, found.unused_bytes) == (0, 0)
    assert found.bytes == sum(each.stat().st_size for each in order.paths)
    return found


def check_sharing(found: FileLedger, pair: Pair) -> None:
    expected = sharing({entry.name: entry.module for entry in pair})
    assert found.shared_bytes == expected.shared_bytes
    assert found.private_bytes == expected.private_bytes


@pytest.mark.parametrize("precision", ["fp32", "int8-dynamic"])
def test_a_data_file_holds_the_weights_and_the_program_none(
    workers: ExportWorkers, pair: Pair, tmp_path: Path, precision: Precision
) -> None:
    path = tmp_path / "joint.pte"
    making = Making(precision=precision, data_file=True)
    found = export(workers, pair, path, making)
    data = path.with_suffix(".ptd")
    assert found.data_bytes == data.stat().st_size
    assert path.stat().st_size < GRAPH_BYTES * len(pair)
    (alone,) = inspect(data).files
    assert {each.sha256 for each in alone.constants} == {each.sha256 for each in found.constants}
    assert alone.provenance == found.provenance == provenance_of(pair, "executorch")
    if precision == "fp32":
        check_sharing(found, pair)
        again = tmp_path / "again" / path.name
        assert export(workers, pair, again, making).constants == found.constants
        for made in (path, data):
            assert made.read_bytes() == (again.parent / made.name).read_bytes()
    content = data.read_bytes()
    for damaged in (content[:-500], b"FT02", content.replace(b"FH01", b"FH02")):
        data.write_bytes(damaged)
        with pytest.raises(BadInput, match=r"joint\.pte: .*damaged.*joint\.ptd"):
            inspect(path)
    data.unlink()
    with pytest.raises(BadInput, match=r"neither in it nor in a \.ptd beside it"):
        inspect(path)


def test_without_a_delegate_shared_weights_are_stored_once_too(
    workers: ExportWorkers, pair: Pair, tmp_path: Path
) -> None:
    path = tmp_path / "joint.pte"
    found = export(workers, pair, path, Making(delegate="none"))
    check_sharing(found, pair)
    assert "aten::convolution" in own_kernels(path)["one"]
    assert any(
        use.operator.split()[1].startswith("convolution")
        for each in found.constants
        for use in each.uses
    )
