"""Merging, matching, refitting and moments against direct minimisation and plain loops."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from taskzip.pipeline.zipper.chain import Geometry, Layer
from taskzip.pipeline.zipper.match import PAIRINGS, Candidates, greedy, hungarian, match, pair_costs
from taskzip.pipeline.zipper.merge import cost, damped, optimum
from taskzip.pipeline.zipper.moments import POSITIONS_PER_IMAGE, Moments, gather
from taskzip.pipeline.zipper.refit import refit

EXACT = 1e-9
"""Float64 on well-conditioned problems of this size."""


def positive(size: int, seed: int) -> torch.Tensor:
    rows = torch.randn(3 * size, size, generator=torch.Generator().manual_seed(seed)).double()
    return rows.T @ rows / len(rows)


def weights(count: int, size: int, seed: int) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(100 + seed)).double()


def minimised(
    objective: Callable[[torch.Tensor], torch.Tensor], shape: tuple[int, ...]
) -> torch.Tensor:
    """The minimum of a convex quadratic: one Newton step on automatic derivatives."""

    def flat(v: torch.Tensor) -> torch.Tensor:
        return objective(v.reshape(shape))

    start = torch.zeros(int(np.prod(shape)), dtype=torch.float64)
    gradient = torch.autograd.functional.jacobian(flat, start)
    hessian = torch.autograd.functional.hessian(flat, start)
    return torch.linalg.solve(hessian, -gradient).reshape(shape)


@pytest.mark.parametrize("tasks", [2, 3, 4])
def test_merged_vectors_are_the_exact_minimum_for_any_number_of_tasks(tasks: int) -> None:
    moments = [positive(5, seed) for seed in range(tasks)]
    members = [weights(3, 5, seed) for seed in range(tasks)]

    def total(f: torch.Tensor) -> torch.Tensor:
        return cost(moments, members, f).sum()

    merged = optimum(moments, members)
    assert (merged - minimised(total, (3, 5))).abs().max() < EXACT


def test_cost_is_half_the_squared_error_before_activation() -> None:
    rows = [weights(50, 4, 1), weights(50, 4, 2)]
    moments = [each.T @ each / 50 for each in rows]
    members, merged = [weights(1, 4, 3), weights(1, 4, 4)], weights(1, 4, 5)
    direct = sum(
        ((x @ (w - merged)[0]) ** 2).mean() / 2 for x, w in zip(rows, members, strict=True)
    )
    assert cost(moments, members, merged).item() == pytest.approx(float(direct), rel=EXACT)


def test_pair_table_equals_merging_each_pair_by_itself() -> None:
    a, b = (
        Candidates(positive(6, 0), weights(4, 6, 0)),
        Candidates(positive(6, 1), weights(5, 6, 1)),
    )
    table = pair_costs(a, b)
    for i, j in itertools.product(range(4), range(5)):
        members = [a.weights[i : i + 1], b.weights[j : j + 1]]
        moments = [a.moment, b.moment]
        direct = cost(moments, members, optimum(moments, members)).item()
        assert table[i, j] == pytest.approx(direct, rel=EXACT)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_hungarian_is_the_cheapest_of_all_partial_matchings(count: int) -> None:
    costs = np.random.default_rng(count).random((4, 5))
    left, right = hungarian(costs, count)
    best = min(
        sum(costs[i, j] for i, j in zip(rows, columns, strict=True))
        for rows in itertools.combinations(range(4), count)
        for columns in itertools.permutations(range(5), count)
    )
    assert len(set(left)) == len(set(right)) == count
    assert costs[left, right].sum() == pytest.approx(best, rel=EXACT)


def test_greedy_takes_the_cheapest_free_pair_again_and_again() -> None:
    costs = np.array([[1.0, 2.0, 9.0], [0.5, 9.0, 9.0], [9.0, 3.0, 4.0]])
    left, right = greedy(costs, 2)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("pairing", sorted(PAIRINGS))
@pytest.mark.parametrize("tasks", [2, 3, 4])
def test_matching_finds_permuted_copies_among_any_number_of_tasks(tasks: int, pairing: str) -> None:
    original = weights(7, 5, 0)
    orders = [torch.randperm(7, generator=torch.Generator().manual_seed(t)) for t in range(tasks)]
    candidates = [Candidates(positive(5, t), original[orders[t]]) for t in range(tasks)]
    chosen = match(candidates, 7, PAIRINGS[pairing])
    found = [orders[t][torch.from_numpy(chosen[t])].tolist() for t in range(tasks)]
    assert all(each == found[0] for each in found)


def test_price_of_joining_a_group_adds_up_to_the_true_total() -> None:
    tasks = [Candidates(positive(5, t), weights(4, 5, t)) for t in range(3)]
    pair = optimum([tasks[0].moment, tasks[1].moment], [tasks[0].weights, tasks[1].weights])
    first = cost([tasks[0].moment, tasks[1].moment], [tasks[0].weights, tasks[1].weights], pair)
    group = Candidates(tasks[0].moment + tasks[1].moment, pair)
    joining = torch.from_numpy(pair_costs(group, tasks[2]).diagonal().copy())
    moments, members = [t.moment for t in tasks], [t.weights for t in tasks]
    total = cost(moments, members, optimum(moments, members))
    assert (first + joining - total).abs().max() < EXACT


def test_refit_is_the_ridge_minimum() -> None:
    rows, original = weights(40, 4, 0), weights(2, 4, 1)
    targets = weights(40, 2, 2)
    moments = Moments(rows.T @ rows / 40, targets.T @ rows / 40)
    penalty = 0.1 * moments.inputs.diagonal().mean()

    def loss(w: torch.Tensor) -> torch.Tensor:
        error = ((rows @ w.T - targets) ** 2).sum(1).mean()
        return error + penalty * ((w - original) ** 2).sum()

    assert (refit(original, moments, 0.1) - minimised(loss, (2, 4))).abs().max() < EXACT


def test_refit_leaves_weights_that_already_fit() -> None:
    rows, original = weights(40, 4, 0), weights(2, 4, 1)
    moment = rows.T @ rows / 40
    refitted = refit(original, Moments(moment, original @ moment), 0.01)
    assert (refitted - original).abs().max() < EXACT


def test_damping_makes_a_dead_input_solvable() -> None:
    moment = torch.diag(torch.tensor([2.0, 0.0]).double())
    assert torch.equal(damped(moment, 0.5), torch.diag(torch.tensor([2.5, 0.5]).double()))


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(kernel=(4, 3)),
        Geometry(kernel=(3, 2), stride=(2, 4), padding=(1, 2)),
        Geometry(kernel=(3, 3), dilation=(2, 1), padding=(0, 1)),
    ],
)
def test_moments_of_a_convolution_equal_a_plain_loop_over_positions(geometry: Geometry) -> None:
    torch.manual_seed(0)
    layer = Layer("c", torch.randn(4, 2, *geometry.kernel), torch.randn(4), geometry, 2)
    original, merged = torch.randn(3, 2, 5, 4), torch.randn(3, 2, 5, 4)
    found = gather(layer, [(original, merged)], seed=0)
    patches = torch.nn.functional.unfold(
        merged.double(), geometry.kernel, geometry.dilation, geometry.padding, geometry.stride
    )
    assert patches.shape[2] <= POSITIONS_PER_IMAGE
    rows = torch.cat([patches, torch.ones(3, 1, patches.shape[2])], dim=1).transpose(1, 2)
    outputs = torch.nn.functional.conv2d(
        original.double(),
        layer.weight.double(),
        None if layer.bias is None else layer.bias.double(),
        geometry.stride,
        geometry.padding,
        geometry.dilation,
    )
    targets = outputs.flatten(2).transpose(1, 2).flatten(0, 1)
    rows = rows.flatten(0, 1)
    assert (found.inputs - rows.T @ rows / len(rows)).abs().max() < EXACT
    assert (found.cross - targets.T @ rows / len(rows)).abs().max() < EXACT


def test_moments_of_a_linear_layer_are_means_over_all_parts() -> None:
    torch.manual_seed(0)
    layer = Layer("l", torch.randn(2, 3), None, None, 3)
    parts = [torch.randn(4, 3), torch.randn(2, 3)]
    rows = torch.cat([torch.cat(parts), torch.ones(6, 1)], dim=1).double()
    found = gather(layer, [(part, part) for part in parts], seed=0)
    assert (found.inputs - rows.T @ rows / 6).abs().max() < EXACT
    assert (found.cross - layer.weight.double() @ found.inputs[:3]).abs().max() < EXACT


def test_sampled_positions_estimate_the_mean_over_all() -> None:
    torch.manual_seed(0)
    layer = Layer("c", torch.randn(2, 1, 3, 3), torch.zeros(2), Geometry(kernel=(3, 3)), 1)
    images = torch.rand(1000, 1, 12, 12)
    found = gather(layer, [(part, part) for part in images.split(4)], seed=0)
    patches = torch.nn.functional.unfold(images, 3).transpose(1, 2).flatten(0, 1).double()
    exact = patches.T @ patches / len(patches)
    assert (found.inputs[:9, :9] - exact).abs().max() < 0.03 * exact.max()
    assert found.inputs[9, 9] == 1
    again = gather(layer, [(part, part) for part in images.split(4)], seed=0)
    assert torch.equal(found.inputs, again.inputs)
