"""Networks that a format cannot hold are refused before anything is converted."""

from pathlib import PurePath

import pytest
import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.limits import MOST_BYTES, check_size


@pytest.fixture(scope="module")
def huge() -> nn.Module:
    """A layer of 2 GiB, of which not a page is ever touched."""
    layer = nn.Linear(1, 1, bias=False)
    layer.weight = nn.Parameter(torch.empty(MOST_BYTES["litert"] // 4 + 1, 1))
    return layer


def entries(*modules: nn.Module) -> list[EntryPoint]:
    return [EntryPoint(f"task{n}", module, (torch.ones(1, 1),)) for n, module in enumerate(modules)]


def test_a_tflite_of_more_than_two_gib_is_refused_with_what_to_do(huge: nn.Module) -> None:
    with pytest.raises(
        BadInput, match=r"joint\.tflite: .*task0 take 2,146,\d+,\d+ bytes.*runtimes"
    ):
        check_size("litert", PurePath("litert/joint.tflite"), entries(huge))


def test_a_pte_may_be_as_large_as_it_likes(huge: nn.Module) -> None:
    check_size("executorch", PurePath("executorch/joint.pte"), entries(huge))


def test_what_tasks_share_counts_once() -> None:
    shared = nn.Linear(1, 1, bias=False)
    shared.weight = nn.Parameter(torch.empty(MOST_BYTES["litert"] // 4, 1))
    check_size("litert", PurePath("litert/joint.tflite"), entries(shared, shared))
