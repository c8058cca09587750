"""What it costs that two neurons become one, and the groups of neurons that become one.

Letters: N neurons (output channels) of a task, P inputs, R rows, S groups. Cost tables are
(N_A, N_B), float64, never negative but for correlation's rounding; widths may differ. Weights may
be (N, U, P): N units of U neurons that become one together, each neuron with its like; a unit
costs what its neurons cost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from taskzip.pipeline.zipper.assign import PAIRINGS, Pairing, Pairs, greedy, hungarian
from taskzip.pipeline.zipper.gram import gram_factor
from taskzip.pipeline.zipper.optimum import optimum
from taskzip.pipeline.zipper.second_moment import SecondMoment, are_low_rank, in_blocks, total

__all__ = [
    "PAIRINGS",
    "Candidates",
    "Merge",
    "PairCosts",
    "Pairing",
    "Pairs",
    "correlation_costs",
    "greedy",
    "hungarian",
    "l2_costs",
    "match",
    "pair_costs",
    "random_costs",
]

Merge = Callable[[Sequence[SecondMoment], Sequence[torch.Tensor]], torch.Tensor]
"""One vector (S, P) of each group from the members (S, P) of each task."""

PairCosts = Callable[[SecondMoment, torch.Tensor, SecondMoment, torch.Tensor], np.ndarray]
"""A cost table from two tasks' moments and weights (N, P), in the order of `pair_costs`."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """A task's neurons of one layer: damped H (P, P) and weights (N, P), or (N, U, P) of units."""

    moment: SecondMoment
    weights: torch.Tensor


def pair_costs(
    a_moment: SecondMoment,
    a_weights: torch.Tensor,
    b_moment: SecondMoment,
    b_weights: torch.Tensor,
) -> np.ndarray:
    """d(i, j) = ½ (a_i − b_j)ᵀ (H_A⁻¹ + H_B⁻¹)⁻¹ (a_i − b_j): the least error of the merged pair.

    Both moments damped. With rows fewer than inputs nothing of P × P is formed.
    """
    if are_low_rank([a_moment, b_moment]):
        return _low_rank_costs(a_moment, a_weights, b_moment, b_weights)
    return _whole_costs(a_moment.whole(), a_weights, b_moment.whole(), b_weights).numpy()


def l2_costs(a_weights: torch.Tensor, b_weights: torch.Tensor) -> np.ndarray:
    """½ ‖a_i − b_j‖², which no data enters."""
    return (_squared_distances(a_weights, b_weights) / 2).numpy()


def correlation_costs(
    covariance: torch.Tensor, a_variance: torch.Tensor, b_variance: torch.Tensor
) -> np.ndarray:
    """1 − correlation, between 0 and 2, from activations' (co)variances (N_A, N_B), (N_A,), (N_B,).

    A neuron that never changes correlates with none: 1.
    """
    deviations = (a_variance.double()[:, None] * b_variance.double()[None, :]).sqrt()
    correlation = torch.where(deviations > 0, covariance.double() / deviations, 0.0)
    return (1 - correlation.clamp(-1, 1)).numpy()


def random_costs(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Uniform in [0, 1): pairs by chance, the papers' baseline."""
    return np.random.default_rng(seed).random(shape)


def match(
    tasks: Sequence[Candidates],
    count: int,
    pairing: Pairing,
    costs_of: PairCosts = pair_costs,
    merge: Merge = optimum,
) -> list[np.ndarray]:
    """For each task, which neuron takes part in each of `count` groups.

    The first two tasks are matched as pairs; every further task is matched with the groups' exact
    optima so far, at the exact price that its joining adds, so the costs add up to the true total.
    `count` is at most the narrowest task's neurons.
    """
    first = tasks[0]
    chosen = [np.arange(len(first.weights))]
    for index, task in enumerate(tasks[1:], start=1):
        groups = _merged(tasks[:index], chosen, merge)
        table = costs_of(groups.moment, groups.weights, task.moment, task.weights)
        left, right = pairing(table, count)
        chosen = [picked[left] for picked in chosen] + [right]
    return chosen if len(tasks) > 1 else [chosen[0][:count]]


def _merged(tasks: Sequence[Candidates], chosen: Sequence[np.ndarray], merge: Merge) -> Candidates:
    if len(tasks) == 1:
        return tasks[0]
    moments = [task.moment for task in tasks]
    members = [
        task.weights[torch.from_numpy(picked)] for task, picked in zip(tasks, chosen, strict=True)
    ]
    merged = merge(moments, [each.flatten(0, -2) for each in members])
    return Candidates(total(moments), merged.reshape(members[0].shape))


def _whole_costs(
    a_matrix: torch.Tensor,
    a_weights: torch.Tensor,
    b_matrix: torch.Tensor,
    b_weights: torch.Tensor,
) -> torch.Tensor:
    """With A + B = C Cᵀ the middle matrix is A (A + B)⁻¹ B = (C⁻¹A)ᵀ (C⁻¹B), so that

    d = ½ (x_a − x_b)ᵀ (y_a − y_b) with x = C⁻¹A w and y = C⁻¹B w of each neuron: one factorisation,
    and the middle matrix itself is not needed.
    """
    factor = torch.linalg.cholesky(a_matrix + b_matrix)
    a_x, b_x = (_solved(factor, a_matrix, w) for w in (a_weights, b_weights))
    a_y, b_y = (_solved(factor, b_matrix, w) for w in (a_weights, b_weights))
    own = (a_x * a_y).sum(1)[:, None] + (b_x * b_y).sum(1)[None, :]
    crossed = torch.addmm(a_x @ b_y.T, a_y, b_x.T)
    return (own - crossed).clamp_(min=0).div_(2)


def _solved(factor: torch.Tensor, matrix: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """(C⁻¹ M wᵀ)ᵀ (N, P), (N, U · P) for units."""
    parts = (
        torch.linalg.solve_triangular(factor, matrix @ part.T, upper=False).T
        for part in in_blocks(weights.flatten(0, -2))
    )
    return torch.cat(list(parts)).reshape(weights.shape).flatten(1)


def _low_rank_costs(
    a_moment: SecondMoment,
    a_weights: torch.Tensor,
    b_moment: SecondMoment,
    b_weights: torch.Tensor,
) -> np.ndarray:
    """R equations instead of P, exact.

    With Δ = a_i − b_j, rows X_A and X_B, δ = δ_A + δ_B, and the merged vector written as the mean
    b_j + (δ_A / δ) Δ and a change h, what is to be minimised is
    δ_A δ_B / δ ‖Δ‖² + ‖v − X h‖² + δ‖h‖² with X = [X_A; X_B] and v = [δ_B X_A; −δ_A X_B] Δ / δ.
    The least of it over h gives

        d = ½ (δ_A δ_B / δ ‖Δ‖² + δ vᵀ (XXᵀ + δI)⁻¹ v),  XXᵀ + δI = CCᵀ:

    two squared distances, of the neurons and of their C⁻¹v.
    """
    a_damping, b_damping = a_moment.damping, b_moment.damping
    damping = a_damping + b_damping
    rows = torch.cat([a_moment.weighted_rows(), b_moment.weighted_rows()])
    factor = gram_factor(rows, damping)
    shares = rows.new_full((len(rows), 1), -a_damping / damping)
    shares[: len(a_moment.scale)] = b_damping / damping
    a_seen, b_seen = (_seen(rows, shares, factor, each) for each in (a_weights, b_weights))
    costs = _squared_distances(a_seen, b_seen).mul_(damping / 2)
    stiffness = a_damping * b_damping / damping
    return costs.add_(_squared_distances(a_weights, b_weights), alpha=stiffness / 2).numpy()


def _seen(
    rows: torch.Tensor, shares: torch.Tensor, factor: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """(N, R) C⁻¹ diag(shares) X w of each neuron, (N, U · R) for units."""
    parts = (
        torch.linalg.solve_triangular(factor, (rows @ part.T).mul_(shares), upper=False).T
        for part in in_blocks(weights.flatten(0, -2))
    )
    return torch.cat(list(parts)).reshape(*weights.shape[:-1], len(rows)).flatten(1)


def _squared_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """‖a_i − b_j‖² (N_A, N_B), float64; the products run in the weights' own dtype."""
    a, b = a.flatten(1), b.flatten(1)
    own_a, own_b = (torch.cat([part.square().sum(1) for part in in_blocks(w)]) for w in (a, b))
    crossed = (a @ b.T).double()
    return crossed.mul_(-2).add_(own_a[:, None]).add_(own_b[None, :]).clamp_(min=0)
