"""Layers that each task keeps, though they could be shared."""

import copy
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from taskzip.contracts.errors import BadInput

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

EXACT = 1e-5
COPIES_DIFFER = 1e-3
"""At most: copies share what they do, within damping and ridge."""


def residual(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return Residual().eval()


class Residual(nn.Module):
    """Three convolutions of which the outputs of the first two are added."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.third = nn.Conv2d(6, 5, 3)
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        x = (x + self.second(x)).relu()
        return self.head(self.third(x).relu().mean((2, 3)))


def test_what_reads_a_private_layer_is_shared_and_the_layer_is_not(
    convolutional: Networks, try_zip: TryZip
) -> None:
    networks = [convolutional(seed=seed) for seed in (1, 2)]
    trial = try_zip(networks, private_layers=("3",))
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert shared == {"0": 4, "3": 0, "7": 8, "9": 0}
    assert trial.zipped.parameters.shared == 4 * 9 + 4 + 8 * 24 + 8
    assert trial.zipped.notes == ()


def test_channels_that_private_layers_write_are_paired_and_follow(
    convolutional: Networks, try_zip: TryZip
) -> None:
    network, order = convolutional(seed=1), torch.randperm(6)
    turned = copy.deepcopy(network)
    with torch.no_grad():
        for name in ("3.weight", "3.bias"):
            turned.get_parameter(name).copy_(network.get_parameter(name)[order])
        columns = network.get_parameter("7.weight").unflatten(1, (6, 4))
        turned.get_parameter("7.weight").copy_(columns[:, order].flatten(1))
    trial = try_zip([network, turned], private_layers=("3",))
    assert trial.zipped.parameters.shared == 4 * 9 + 4 + 8 * 24 + 8
    assert trial.largest_difference() < COPIES_DIFFER


@pytest.mark.parametrize("refit", [True, False])
def test_layers_whose_outputs_are_added_need_not_all_be_private(
    try_zip: TryZip, refit: bool
) -> None:
    trial = try_zip([residual(1), residual(2)], private_layers=("first",), refit=refit)
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert shared == {"first": 0, "second": 6, "third": 5, "head": 0}


def test_all_layers_private_is_two_networks(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=seed) for seed in (1, 2)]
    trial = try_zip(networks, private_layers=("0", "3", "7"))
    assert trial.zipped.parameters.shared == 0
    assert trial.largest_difference() < EXACT


def test_more_private_layers_are_a_smaller_error(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=seed) for seed in (1, 2)]
    choices: list[tuple[str, ...]] = [(), ("0",), ("0", "3"), ("0", "3", "7")]
    errors = [try_zip(networks, private_layers=each).squared_error() for each in choices]
    assert all(fewer > more for fewer, more in pairwise(errors))


@pytest.mark.parametrize("name", ["9", "conv"])
def test_a_name_that_fits_no_layer_is_refused(
    convolutional: Networks, try_zip: TryZip, name: str
) -> None:
    with pytest.raises(
        BadInput, match=rf"zip.private_layers: no layer that can be shared is called '{name}'"
    ):
        try_zip([convolutional(seed=1), convolutional(seed=2)], private_layers=(name,))
