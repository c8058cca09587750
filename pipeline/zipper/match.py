"""Which neurons of the tasks become one.

Letters: N neurons (output channels) of a task, P inputs, S groups.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from taskzip.pipeline.zipper.merge import optimum

Pairs = tuple[np.ndarray, np.ndarray]
Pairing = Callable[[np.ndarray, int], Pairs]


@dataclass(frozen=True)
class Candidates:
    """A task's neurons of one layer: H (P, P), positive definite, and weights (N, P), float64."""

    moment: torch.Tensor
    weights: torch.Tensor


def match(tasks: Sequence[Candidates], count: int, pairing: Pairing) -> list[np.ndarray]:
    """For each task, which neuron takes part in each of `count` groups.

    The first two tasks are matched as pairs; every further task is matched with the groups' exact
    optima so far, at the exact price that its joining adds, so the costs add up to the true total.
    """
    first = tasks[0]
    chosen = [np.arange(len(first.weights))]
    for index, task in enumerate(tasks[1:], start=1):
        together = [other.moment for other in tasks[:index]]
        members = [
            other.weights[torch.from_numpy(picked)]
            for other, picked in zip(tasks, chosen, strict=False)
        ]
        groups = Candidates(torch.stack(together).sum(0), optimum(together, members))
        left, right = pairing(pair_costs(groups, task), count)
        chosen = [picked[left] for picked in chosen] + [right]
    return chosen if len(tasks) > 1 else [chosen[0][:count]]


def pair_costs(a: Candidates, b: Candidates) -> np.ndarray:
    """The table d (N_A, N_B), d(i, j) = ½ (a_i − b_j)ᵀ (H_A⁻¹ + H_B⁻¹)⁻¹ (a_i − b_j).

    The middle does not depend on i and j. Factored once as L Lᵀ, d is half the squared distance
    of Lᵀa and Lᵀb: one more GEMM for the whole table.
    """
    solved = torch.cholesky_solve(b.moment, torch.linalg.cholesky(a.moment + b.moment))
    parallel = a.moment @ solved
    factor = torch.linalg.cholesky((parallel + parallel.T) / 2)
    left, right = a.weights @ factor, b.weights @ factor
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :]
    table: np.ndarray = ((squares - 2 * left @ right.T) / 2).clamp(min=0).numpy()
    return table


def greedy(costs: np.ndarray, count: int) -> Pairs:
    """The cheapest pair again and again, as in the paper; ties go to the lower indices."""
    free_rows, free_columns = set(range(costs.shape[0])), set(range(costs.shape[1]))
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(costs, axis=None, kind="stable"):
        row, column = divmod(int(flat), costs.shape[1])
        if len(pairs) == count:
            break
        if row in free_rows and column in free_columns:
            pairs.append((row, column))
            free_rows.remove(row)
            free_columns.remove(column)
    return _in_row_order(np.array(pairs, dtype=int).reshape(-1, 2))


def hungarian(costs: np.ndarray, count: int) -> Pairs:
    """The `count` disjoint pairs of least total cost, exactly.

    Rows and columns that stay alone are paired, for nothing, with added ones.
    """
    rows, columns = costs.shape
    table = np.full((rows + columns - count, rows + columns - count), np.inf)
    table[:rows, :columns] = costs
    table[:rows, columns:] = 0
    table[rows:, :columns] = 0
    left, right = linear_sum_assignment(table)
    real = (left < rows) & (right < columns)
    return _in_row_order(np.stack([left[real], right[real]], axis=1))


PAIRINGS: dict[str, Pairing] = {"greedy": greedy, "hungarian": hungarian}


def _in_row_order(pairs: np.ndarray) -> Pairs:
    ordered = pairs[np.argsort(pairs[:, 0], kind="stable")]
    return ordered[:, 0], ordered[:, 1]
