"""Convolutions in groups, depthwise ones with a multiplier, batch norm after an activation."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import channel_shuffle

TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

SHAPE = (2, 7, 7)
GROUPS, WIDTH = 3, 2
CHANNELS = GROUPS * WIDTH
SAME_FUNCTION = 2e-5
NO_COST = 1e-9


class Grouped(nn.Module):
    """As in ResNeXt: a wide layer, one in groups, batch norm, a residual sum."""

    def __init__(self, groups: int = GROUPS, per_output: int = 1) -> None:
        super().__init__()
        outputs = CHANNELS * per_output
        self.stem = nn.Conv2d(2, 5, 3)
        self.wide = nn.Conv2d(5, CHANNELS, 1)
        self.groups = nn.Conv2d(CHANNELS, outputs, 3, padding=1, groups=groups)
        self.norm = nn.BatchNorm2d(outputs)
        self.narrow = nn.Conv2d(outputs, 5, 1)
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).relu()
        x = x + self.narrow(self.norm(self.groups(self.wide(x).relu())).relu())
        scores: torch.Tensor = self.head(x.mean((2, 3)))
        return scores


class Shuffled(nn.Module):
    """As in ShuffleNet: halves, a depthwise convolution, channels shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 3)
        self.one = nn.Conv2d(4, 4, 1)
        self.each = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.mix = nn.Conv2d(8, 6, 1, groups=2)
        self.last = nn.Conv2d(6, 5, 1)
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.stem(x).relu().chunk(2, dim=1)
        x = torch.cat([left, self.each(self.one(right).relu())], dim=1)
        x = self.last(self.mix(channel_shuffle(x, 2)).relu()).relu()
        scores: torch.Tensor = self.head(x.mean((2, 3)))
        return scores


def normed_after_relu() -> nn.Module:
    """As in small Keras networks; depthwise with a multiplier of 2, then a second one."""
    return nn.Sequential(
        *(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
        *(nn.Conv2d(4, 8, 3, padding=1, groups=4), nn.ReLU(), nn.BatchNorm2d(8)),
        *(nn.Conv2d(8, 8, 3, groups=8), nn.ReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 6, 2)),
        *(nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(24), nn.Linear(24, 6), nn.ReLU()),
        nn.Linear(6, 3),
    )


KINDS: dict[str, Callable[[], nn.Module]] = {
    "groups": Grouped,
    "groups with a multiplier": lambda: Grouped(per_output=2),
    "shuffled": Shuffled,
    "normed after relu": normed_after_relu,
}


def made(kind: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = KINDS[kind]()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.running_mean, 0, 0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


def with_groups_in_order(network: nn.Module, order: list[int]) -> nn.Module:
    """The same function with the groups of a `Grouped` in another order."""
    assert isinstance(network, Grouped)
    for module in (network.wide, network.groups, network.norm):
        for values in (*module.parameters(), *module.buffers()):
            if values.dim():
                values.data = values.data.unflatten(0, (GROUPS, -1))[order].flatten(0, 1)
    read = network.narrow.weight
    read.data = read.data.unflatten(1, (GROUPS, -1))[:, order].flatten(1, 2)
    return network


@pytest.mark.parametrize("kind", KINDS)
def test_sharing_nothing_gives_the_original_outputs(try_zip: TryZip, kind: str) -> None:
    trial = try_zip([made(kind, 1), made(kind, 2)], shape=SHAPE, share=0)
    assert trial.largest_difference() < SAME_FUNCTION


@pytest.mark.parametrize("kind", KINDS)
def test_copies_share_in_part_without_loss(try_zip: TryZip, kind: str) -> None:
    trial = try_zip([made(kind, 1), made(kind, 1)], shape=SHAPE, share=0.5, refit=False)
    assert trial.largest_difference() < SAME_FUNCTION
    assert trial.zipped.parameters.shared > 0


@pytest.mark.parametrize("kind", ["groups", "groups with a multiplier"])
def test_groups_in_another_order_are_found_at_no_cost(try_zip: TryZip, kind: str) -> None:
    networks = [made(kind, 1), with_groups_in_order(made(kind, 1), [2, 0, 1])]
    trial = try_zip(networks, shape=SHAPE, refit=False, damping=1e-6)
    assert trial.largest_difference() < SAME_FUNCTION
    assert all(layer.shared == layer.of["t0"] for layer in trial.zipped.layers[:-1])
    for group in trial.zipped.plan.groups:
        assert sum(group.costs) <= NO_COST * group.power


def test_everything_but_the_head_is_shared_after_norms_and_multipliers(try_zip: TryZip) -> None:
    networks = [made("normed after relu", seed) for seed in (1, 2)]
    trial = try_zip(networks, shape=SHAPE)
    assert [layer.shared for layer in trial.zipped.layers] == [4, 8, 8, 6, 6, 0]
    assert trial.zipped.notes == ()


@pytest.mark.parametrize("refit", [False, True])
def test_channels_are_shared_though_each_task_keeps_its_depthwise_kernels(
    try_zip: TryZip, refit: bool
) -> None:
    networks = [made("normed after relu", seed) for seed in (1, 2)]
    trial = try_zip(networks, shape=SHAPE, refit=refit, share_depthwise=False)
    assert [layer.shared for layer in trial.zipped.layers] == [4, 0, 0, 6, 6, 0]
    assert trial.zipped.notes == ()
    whole = try_zip(networks, shape=SHAPE, refit=refit)
    assert trial.squared_error() < whole.squared_error()


def test_what_differs_in_depthwise_kernels_alone_loses_nothing(try_zip: TryZip) -> None:
    one, other = made("normed after relu", 1), made("normed after relu", 1)
    for layer in (3, 6):
        torch.manual_seed(layer)
        nn.init.normal_(other.get_submodule(str(layer)).weight)  # type: ignore[arg-type]
    trial = try_zip([one, other], shape=SHAPE, refit=False, share_depthwise=False)
    assert trial.largest_difference() < SAME_FUNCTION


def test_a_depthwise_layer_that_reads_the_input_may_stay_private(try_zip: TryZip) -> None:
    def network(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        layers = [nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(125, 3))

    trial = try_zip([network(1), network(1)], shape=SHAPE, refit=False, share_depthwise=False)
    assert [layer.shared for layer in trial.zipped.layers] == [0, 5, 0]
    assert trial.largest_difference() < SAME_FUNCTION


def test_a_share_counts_whole_groups(try_zip: TryZip) -> None:
    trial = try_zip([made("groups", 1), made("groups", 2)], shape=SHAPE, share=0.6)
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert shared == {"stem": 3, "wide": 4, "groups": 4, "narrow": 3, "head": 0}


def test_what_channels_are_shuffled_into_keeps_its_order(try_zip: TryZip) -> None:
    trial = try_zip([made("shuffled", 1), made("shuffled", 2)], shape=SHAPE)
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert shared == {"stem": 8, "one": 4, "each": 4, "mix": 6, "last": 5, "head": 0}
    trial = try_zip([made("shuffled", 1), made("shuffled", 2)], shape=SHAPE, share=0.3)
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert shared == {"stem": 0, "one": 0, "each": 0, "mix": 0, "last": 2, "head": 0}
