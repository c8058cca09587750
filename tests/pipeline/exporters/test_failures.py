"""One runtime fails, the other goes on if asked; files that a runtime does not load are named."""

from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.config import ExportConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.progress import Silent
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.accuracy import TaskData
from taskzip.pipeline.exporters.bundle import write_bundle
from taskzip.pipeline.exporters.failures import Failures
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.two_forms import Exports, TwoForms
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.layout import SUFFIXES

TOLERANCE = Tolerance(absolute=1e-4, relative=1e-4)


class _Distances(nn.Module):
    """ExecuTorch lowers it, LiteRT's converter does not."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.pdist(x)


class _Sorted(nn.Module):
    """Both convert it, no runtime has a kernel for it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sort(x).values


class _Sums(nn.Module):
    """XNNPACK has no operator for it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(x, 1)


def orders(folder: Path, network: nn.Module) -> list[FileOrder]:
    entry = EntryPoint("lone", network, (torch.rand(4, 256),))
    return [FileOrder(folder / f"lone{SUFFIXES[each]}", each, (entry,)) for each in RUNTIMES]


def test_a_runtime_that_fails_is_left_out_and_the_other_goes_on(
    workers: ExportWorkers, tmp_path: Path
) -> None:
    outcome = workers.export_where_possible(orders(tmp_path, _Distances()), TOLERANCE)
    assert [made.order.runtime for made in outcome.exported] == ["executorch"]
    assert "litert: the network of lone cannot be exported" in str(outcome.failures["litert"])


def test_a_bundle_has_the_files_of_the_runtime_that_is_left_and_a_note(
    workers: ExportWorkers, tmp_path: Path
) -> None:
    inputs = (torch.rand(4, 8),)
    task = TwoForms("lone", _Distances(), _Distances(), inputs, TaskData(inputs, None, percent))
    config = ExportConfig(keep_going=True)
    exports = Exports.as_they_are(task)
    bundle = write_bundle(exports, config, tmp_path / "bundle", workers, Silent())
    assert {model.runtime for model in bundle.models} == {"executorch"}
    assert any(note.startswith("litert is left out: litert: the net") for note in bundle.notes)
    assert not list((tmp_path / "bundle").rglob("*.tflite"))


def percent(_: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(labels))


def test_where_no_runtime_is_left_the_export_fails(workers: ExportWorkers, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not load it"):
        workers.export_where_possible(orders(tmp_path, _Sorted()), TOLERANCE)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_file_that_its_runtime_does_not_load_is_named_with_its_operators(
    workers: ExportWorkers, runtime: Runtime, tmp_path: Path
) -> None:
    (order,) = (each for each in orders(tmp_path, _Sorted()) if each.runtime == runtime)
    named = {"executorch": "no kernel for one or more of aten::sort", "litert": "STABLEHLO_SORT"}
    with pytest.raises(BadInput, match=rf"lone.* does not load it.*{named[runtime]}"):
        workers.export([order], TOLERANCE)


def test_what_xnnpack_leaves_is_named_with_its_share_of_the_time(
    workers: ExportWorkers, tmp_path: Path
) -> None:
    (order,) = (each for each in orders(tmp_path, _Sums()) if each.runtime == "executorch")
    (made,) = workers.export([order], TOLERANCE)
    (slow,) = made.fallbacks
    assert (slow.task, slow.operator) == ("lone", "cumsum")
    assert 0.05 <= slow.share <= 1


def test_failures_end_the_export_unless_it_was_asked_to_keep_going() -> None:
    failures = Failures({"executorch", "litert"}, keep_going=False)
    with pytest.raises(BadInput, match="too large"), failures.kept("litert"):
        raise BadInput("too large")


def test_of_a_runtime_that_failed_twice_the_first_failure_is_told() -> None:
    failures = Failures({"executorch", "litert"}, keep_going=True)
    for message in ("first", "second"):
        with failures.kept("litert"):
            raise BadInput(message)
    assert str(failures.found["litert"]) == "first"
