"""Pruned networks stay pruned, at the least error that their zeros allow."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import nn

from taskzip.pipeline.zipper.gather import gather
from taskzip.pipeline.zipper.masks import (
    KeptZeros,
    density,
    has_pruned_layer,
    is_pruned,
    merged_mask,
    prune_merged,
    refit,
    within,
)
from taskzip.pipeline.zipper.optimum import cost, optimum
from taskzip.pipeline.zipper.second_moment import SecondMoment

TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

EXACT = 1e-9
"""Float64, a few unknowns."""


def pruned(rows: int, inputs: int, seed: int, keep: float = 0.4) -> torch.Tensor:
    """(rows, inputs + 1) float64 with zeros in all but the last column."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(rows, inputs + 1, generator=generator, dtype=torch.float64)
    weights[:, :-1] *= torch.rand(rows, inputs, generator=generator) < keep
    return weights


def moment(inputs: int, seed: int, rows: int = 40) -> SecondMoment:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, inputs + 1, generator=generator, dtype=torch.float64)
    if rows < inputs:
        return SecondMoment.of_rows(x, rows).damped(1e-3)
    return SecondMoment.of_matrix(x.T @ x / rows).damped(1e-3)


def test_the_larger_mask_is_that_of_the_member_with_more_weights() -> None:
    a = torch.tensor([[1.0, 0, 0, 5], [1, 2, 0, 5], [0, 0, 0, 5]])
    b = torch.tensor([[0, 1.0, 1, 5], [0, 0, 3, 5], [0, 0, 0, 0]])
    assert merged_mask([a, b], "larger").tolist() == [
        [False, True, True, True],
        [True, True, False, True],
        [False, False, False, True],
    ]


def test_the_union_has_all_weights_of_all_members() -> None:
    a = torch.tensor([[1.0, 0, 0, 5], [1, 2, 0, 5]])
    b = torch.tensor([[0, 1.0, 0, 5], [0, 0, 3, 0]])
    assert merged_mask([a, b], "union").tolist() == [
        [True, True, False, True],
        [True, True, True, True],
    ]


@pytest.mark.parametrize("rows", [40, 5])
def test_what_keeps_to_the_mask_is_the_best_that_does(rows: int) -> None:
    members, moments = [pruned(4, 8, 1), pruned(4, 8, 2)], [moment(8, 3, rows), moment(8, 4, rows)]
    merged = prune_merged(optimum(moments, members), members, moments, "larger", solves=True)
    mask = merged_mask(members, "larger")
    assert not merged[~mask].any()
    lowest = cost(moments, members, merged)
    cut = prune_merged(optimum(moments, members), members, moments, "larger", solves=False)
    assert (lowest <= cost(moments, members, cut) + EXACT).all()
    for row, column in mask.nonzero().tolist():
        for change in (1e-3, -1e-3):
            other = merged.clone()
            other[row, column] += change
            assert cost(moments, members, other)[row] > lowest[row]


def test_the_strongest_weights_are_as_many_as_the_larger_mask_has_and_cost_less() -> None:
    members, moments = [pruned(40, 8, 1), pruned(40, 8, 2)], [moment(8, 3), moment(8, 4)]
    vectors = optimum(moments, members)
    larger, strongest, union = (
        prune_merged(vectors, members, moments, how, solves=True)
        for how in ("larger", "strongest", "union")
    )
    assert torch.equal((strongest != 0).sum(1), (larger != 0).sum(1))
    assert not strongest[union == 0].any()
    costs = [float(cost(moments, members, each).sum()) for each in (union, strongest, larger)]
    assert costs == sorted(costs)


def test_vectors_that_keep_to_the_mask_come_back_to_the_bit() -> None:
    vectors = pruned(4, 8, 1)
    mask = merged_mask([vectors], "larger")
    assert torch.equal(within(vectors, mask, moment(8, 2)), vectors)


def test_members_that_are_not_pruned_merge_as_ever() -> None:
    members, moments = [pruned(4, 8, seed, keep=2) for seed in (1, 2)], [moment(8, 3), moment(8, 4)]
    vectors = optimum(moments, members)
    assert prune_merged(vectors, members, moments, "larger", solves=True) is vectors


def test_a_refit_of_a_pruned_layer_is_least_squares_over_its_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = pruned(3, 6, 1)
    x = torch.randn(50, 7, generator=generator, dtype=torch.float64)
    z = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    moments = gather([(z, x)], 7)
    found = refit(moments, weights, 1e-9)
    for row in range(3):
        support = torch.cat([weights[row, :-1] != 0, torch.tensor([True])])
        expected = torch.linalg.lstsq(x[:, support], z[:, row]).solution
        torch.testing.assert_close(found[row, support], expected, rtol=1e-6, atol=1e-6)
        assert not found[row, ~support].any()


def test_zeros_of_pruned_layers_are_put_back_and_others_are_not() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    first, second = network[0].weight, network[1].weight
    with torch.no_grad():
        first[:, :2] = 0
        network[1].bias.zero_()
    zeros = KeptZeros(network.parameters())
    with torch.no_grad():
        for each in network.parameters():
            each.add_(1)
    zeros.restore()
    assert not first[:, :2].any()
    assert first[:, 2:].all()
    assert second.all()
    assert network[1].bias.tolist() == [1, 1]


def prune(network: nn.Sequential, keep: float = 0.5) -> nn.Sequential:
    """Remove the smallest weights of each layer but the head."""
    layers = [each for each in network if isinstance(each, (nn.Conv2d, nn.Linear))]
    for layer in layers[:-1]:
        with torch.no_grad():
            threshold = layer.weight.abs().flatten().quantile(1 - keep)
            layer.weight[layer.weight.abs() < threshold] = 0
    return network


@pytest.mark.parametrize(("share", "refits"), [(1.0, True), (0.5, True), (1.0, False)])
def test_pruned_networks_zip_to_one_as_sparse(
    try_zip: TryZip, convolutional: Callable[..., nn.Sequential], share: float, refits: bool
) -> None:
    networks = [prune(convolutional(seed=seed)) for seed in (1, 2)]
    trial = try_zip(networks, share=share, refit=refits)
    for task in trial.tasks:
        joint = trial.zipped.joint.task(task.name)
        assert has_pruned_layer(joint)
        # A channel's mask is the larger of two with nearly as many weights.
        assert density(joint) < density(task.network) + 0.1
        assert sum(is_pruned(each) for each in _weights(joint)) >= 3


def test_the_union_is_denser(try_zip: TryZip, convolutional: Callable[..., nn.Sequential]) -> None:
    networks = [prune(convolutional(seed=seed), keep=0.3) for seed in (1, 2)]
    trials = [try_zip(networks, mask=mask) for mask in ("strongest", "larger", "union")]
    strongest, larger, union = (density(each.zipped.joint) for each in trials)
    assert strongest <= larger < union < 1


def test_permuted_copies_keep_every_zero_and_every_answer(
    try_zip: TryZip, convolutional: Callable[..., nn.Sequential]
) -> None:
    network = prune(convolutional(seed=1))
    trial = try_zip([network, prune(convolutional(seed=1))])
    assert trial.largest_difference() < 1e-3
    assert density(trial.zipped.joint.task("t0")) == density(network)


def _weights(network: nn.Module) -> list[torch.Tensor]:
    return [each.detach() for each in network.parameters() if each.dim() > 1]


def test_a_pair_of_masks_is_symmetric_but_for_ties() -> None:
    members = [pruned(6, 9, seed) for seed in (1, 2, 3)]
    counts = torch.stack([(each[:, :-1] != 0).sum(1) for each in members])
    for order in itertools.permutations(range(3)):
        mask = merged_mask([members[each] for each in order], "larger")
        assert torch.equal(mask[:, :-1].sum(1), counts.max(0).values)
