"""Files in less than fp32, really made by the runtimes' quantizers and run on this machine."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.bundle import Accuracy
from taskzip.contracts.config import TOLERANCES
from taskzip.contracts.errors import BadInput, CheckFailed
from taskzip.contracts.ledger import FileLedger
from taskzip.contracts.names import RUNTIMES, Precision, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.accuracy import TaskData, accuracy_of, first_samples
from taskzip.pipeline.exporters.executorch_precision import rounded
from taskzip.pipeline.exporters.ledger import unique_bytes
from taskzip.pipeline.exporters.making import Making
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.provenance import provenance_of
from taskzip.pipeline.exporters.stored_once import check_stored_once
from taskzip.pipeline.exporters.tensors import outputs_of
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.inspection.inspect import inspect_file
from taskzip.pipeline.layout import SUFFIXES

ROUNDED: tuple[Precision, ...] = ("fp16", "int8-dynamic", "int8-static")
SIZE: dict[Precision, float] = {"fp16": 0.55, "int8-dynamic": 0.31, "int8-static": 0.30}
"""Of the weights in fp32, at most: half or a quarter, scales, what stays fp32, and the graph."""
FAR: dict[Precision, float] = {"fp16": 0.01, "int8-dynamic": 0.03, "int8-static": 0.05}
"""Of the largest output: rounding to 11 bits (in every sum where a processor, as those with
AVX512-FP16, computes in half precision), to 8 bits, and to 8 bits everywhere."""
NUMBERS_OF_LEAST = 1.03
"""Scales of some hundred channels, in a network of 140,000 weights."""

Entries = dict[str, tuple[EntryPoint, ...]]


def _pair(entries: Entries) -> tuple[EntryPoint, ...]:
    images = torch.randn(8, 1, 12, 12, generator=torch.Generator().manual_seed(3))
    return tuple(dataclasses.replace(each, calibration=(images,)) for each in entries["pair"])


def _order(pair: tuple[EntryPoint, ...], runtime: Runtime, precision: Precision, folder: Path):
    path = folder / f"{precision}{SUFFIXES[runtime]}"
    return FileOrder(path, runtime, pair, Making(precision=precision))


@pytest.mark.parametrize("precision", ROUNDED)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_joint_file_is_small_near_fp32_and_holds_what_is_shared_once(
    workers: ExportWorkers,
    entries: Entries,
    runtime: Runtime,
    precision: Precision,
    tmp_path: Path,
) -> None:
    pair = _pair(entries)
    order = _order(pair, runtime, precision, tmp_path)
    (made,) = workers.export([order], TOLERANCES[precision])
    assert [(parity.task, parity.ok) for parity in made.parities] == [
        ("left", True),
        ("right", True),
    ]
    weights = unique_bytes(each.module for each in pair)
    ledger = inspect_file(order.path, order.path.name)
    assert ledger.constant_bytes <= weights * SIZE[precision]
    assert ledger.numbers <= weights / 4 * NUMBERS_OF_LEAST
    assert ledger.duplicated_bytes == 0
    assert ledger.unused_bytes == 0
    assert ledger.provenance == provenance_of(pair, runtime)
    _is_shared(ledger)
    for entry in pair:
        (answers,) = workers.answers(order.path, runtime, entry, entry.calibration)
        (expected,) = outputs_of(entry.module, entry.calibration)
        assert answers.shape == expected.shape
        assert (answers - expected).abs().max() <= FAR[precision] * expected.abs().max()
        assert not torch.equal(answers, expected)


def _is_shared(ledger: FileLedger) -> None:
    """The trunk's large weight is one constant that both entries use."""
    assert ledger.constants[0].entries == ("left", "right")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_weights_of_one_shape_stay_their_tasks_own(
    workers: ExportWorkers, entries: Entries, runtime: Runtime, tmp_path: Path
) -> None:
    order = _order(entries["equal"], runtime, "int8-dynamic", tmp_path)
    workers.export([order], TOLERANCES["int8-dynamic"])
    for entry in entries["equal"]:
        (answers,) = workers.answers(order.path, runtime, entry, entry.inputs)
        (expected,) = outputs_of(entry.module, entry.inputs)
        assert (answers - expected).abs().max() <= 0.05 * expected.abs().max()


def test_a_dynamic_convolution_is_int8_although_a_relu_follows(
    workers: ExportWorkers, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3)).eval()
    entry = EntryPoint("seen", network, (torch.randn(1, 4, 8, 8),))
    order = _order((entry,), "executorch", "int8-dynamic", tmp_path)
    workers.export([order], TOLERANCES["int8-dynamic"])
    filters = [each for each in inspect_file(order.path, "f").constants if len(each.shape) == 4]
    assert [(each.dtype, each.shape) for each in filters] == [
        ("qcint8", (8, 3, 3, 16)),
        ("qcint8", (16, 3, 3, 4)),
    ]


def test_a_precision_that_a_runtime_has_for_hardly_a_weight_is_refused(
    workers: ExportWorkers, tmp_path: Path
) -> None:
    network = nn.Sequential(nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3)).eval()
    entry = EntryPoint("seen", network, (torch.randn(1, 4, 8, 8),))
    order = _order((entry,), "executorch", "fp16", tmp_path)
    with pytest.raises(BadInput, match=r"fp16 would hold for 0 of 1,752 numbers .* set another"):
        workers.export([order], TOLERANCES["fp16"])


class _Unsigned(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        to_int8 = torch.ops.quantized_decomposed.quantize_per_tensor
        return to_int8(x, 0.1, 0, 0, 255, torch.uint8).float()


def test_an_int8_operator_outside_of_xnnpack_is_named_as_the_runner_has_no_kernel_for_it(
    workers: ExportWorkers, tmp_path: Path
) -> None:
    import torch.ao.quantization.fx._decomposed  # noqa: PLC0415  # registers its operators

    entry = EntryPoint("coarse", _Unsigned(), (torch.ones(1, 4),))
    order = _order((entry,), "executorch", "fp32", tmp_path)
    with pytest.raises(BadInput, match=r"of coarse .*operator quantized_decomposed::quantize_per"):
        workers.export([order], TOLERANCES["fp32"])


class _SinglePrecision(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x, torch.ones(2, 4, dtype=torch.float32))


def test_a_network_that_cannot_be_rounded_is_named() -> None:
    entry = EntryPoint("fixed", _SinglePrecision(), (torch.ones(1, 4),))
    with pytest.raises(BadInput, match=r"network of fixed cannot be exported in fp16.*precision"):
        rounded([entry], "fp16")


def test_a_shared_weight_that_is_rounded_in_two_ways_fails(
    workers: ExportWorkers, tmp_path: Path
) -> None:
    one = nn.Linear(256, 256).eval()
    other = nn.Linear(256, 256).eval()
    x = torch.randn(1, 256)
    entries = (EntryPoint("one", one, (x,)), EntryPoint("other", other, (x,)))
    order = _order(entries, "litert", "int8-dynamic", tmp_path)
    workers.export([order], TOLERANCES["int8-dynamic"])
    with pytest.raises(
        CheckFailed, match=r"2 of 256×256 in 65536 bytes each, where the networks have 1"
    ):
        check_stored_once(order.path, (entries[0], EntryPoint("other", one, (x,))))


def test_accuracy_is_that_of_the_answers_beside_torchs() -> None:
    entry = EntryPoint("sum", nn.Identity(), (torch.zeros(1, 2),))
    rows = torch.tensor([[1.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([0, 1, 0, 0])

    def off(inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (inputs + torch.tensor([[0.0, 1.5]]),)

    def wrong(answers: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return 100.0 * (answers.argmax(1) != wanted)

    data = TaskData((rows,), lambda: [(rows[:3], labels[:3]), (rows[3:], labels[3:])], wrong)
    assert accuracy_of(entry, data, off) == Accuracy(
        output_error=4 * 1.5**2 / 10,
        samples=4,
        error_percent_before=25.0,
        error_percent=50.0,
        evaluated=4,
    )
    unlabelled = dataclasses.replace(data, evaluation=None)
    assert accuracy_of(entry, unlabelled, off) == Accuracy(output_error=0.9, samples=4)


def test_first_samples_are_no_more_than_asked_for() -> None:
    batches = (torch.full((3, 2), float(number)) for number in range(9))
    assert first_samples(batches, 4).tolist() == [[0.0] * 2] * 3 + [[1.0] * 2]
    assert len(first_samples([torch.zeros(2, 1)], 4)) == 2
