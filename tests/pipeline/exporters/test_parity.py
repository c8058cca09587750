"""Parity finds files that compute something else; shown on LiteRT, whose interpreter is light."""

import dataclasses

import pytest
import torch

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.names import Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.orders import Exported
from taskzip.pipeline.exporters.own_copies import own_copies
from taskzip.pipeline.exporters.parity import (
    HostParity,
    cases_of,
    check,
    compare,
    require_parity,
)

TOLERANCE = Tolerance(absolute=1e-5, relative=1e-5)
Files = dict[tuple[Runtime, str], Exported]
Entries = dict[str, tuple[EntryPoint, ...]]


def test_a_constant_merged_with_another_of_its_shape_is_found(
    exported: Files, entries: Entries
) -> None:
    path = exported["litert", "equal"].order.path
    one, other = own_copies(entries["equal"])
    merged = other.module[2]  # type: ignore[index]
    with torch.no_grad():
        merged.weight.copy_(one.module[2].weight)  # type: ignore[index]
    found = check(path, "litert", (one, other), TOLERANCE)
    assert [parity.ok for parity in found] == [True, False]
    with pytest.raises(CheckFailed, match=r"equal\.tflite: task other differs from torch by 0\."):
        require_parity(path, "litert", (one, other), TOLERANCE)


def test_an_entry_under_another_tasks_name_is_found(exported: Files, entries: Entries) -> None:
    path = exported["litert", "pair"].order.path
    left, right = entries["pair"]
    swapped = (EntryPoint("left", right.module, right.inputs),)
    assert not check(path, "litert", swapped, TOLERANCE)[0].ok
    assert check(path, "litert", (left,), TOLERANCE)[0].ok


def test_an_output_of_another_shape_is_infinitely_far(exported: Files, entries: Entries) -> None:
    case = cases_of(entries["left"][0])[0]
    wide = dataclasses.replace(case, outputs=(torch.zeros(1, 11),))
    path = exported["litert", "left"].order.path
    found = compare(path, "litert", {"left": [wide]}, TOLERANCE)
    assert found[0].max_abs_error == float("inf")
    assert not found[0].ok


def test_nan_is_never_within_a_tolerance() -> None:
    assert not HostParity("a.tflite", "litert", "a", float("nan"), 1.0).ok


def test_the_worst_case_counts_wherever_it_stands(exported: Files, entries: Entries) -> None:
    cases = list(cases_of(entries["left"][0]))
    cases[1] = dataclasses.replace(cases[1], outputs=(cases[1].outputs[0] + 0.5,))
    path = exported["litert", "left"].order.path
    found = compare(path, "litert", {"left": cases}, TOLERANCE)
    assert found[0].max_abs_error == pytest.approx(0.5, abs=1e-4)


def test_cases_are_the_given_inputs_and_the_same_random_ones_each_time(entries: Entries) -> None:
    first, again = (cases_of(entries["left"][0]) for _ in range(2))
    assert torch.equal(first[0].inputs[0], entries["left"][0].inputs[0])
    assert len({case.inputs[0].sum().item() for case in first}) == len(first) > 1
    assert all(torch.equal(a.inputs[0], b.inputs[0]) for a, b in zip(first, again, strict=True))
