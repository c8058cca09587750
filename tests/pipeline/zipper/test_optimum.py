"""Merged vectors against direct minimisation, for moments stored whole, as rows, and mixed."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.pipeline.zipper.optimum import cost, mean, optimum
from taskzip.pipeline.zipper.second_moment import NEURONS_AT_ONCE, SecondMoment

EXACT = 1e-9
"""Float64 on well-conditioned problems of this size."""
UNHURRIED = settings(max_examples=30, deadline=None)

STORAGES = ["whole", "rows", "mixed"]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def moments_of(tasks: int, rows: int, inputs: int, storage: str) -> list[SecondMoment]:
    """Each task with its own rows, damping and weight."""
    found = []
    for task in range(tasks):
        x = noise(rows, inputs, seed=task)
        as_rows = storage == "rows" or (storage == "mixed" and task % 2 == 0)
        made = SecondMoment.of_rows(x, rows) if as_rows else SecondMoment.of_matrix(x.T @ x / rows)
        found.append(made.damped(0.05 * (task + 1)).scaled(1 + task))
    return found


def minimised(
    objective: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor
) -> torch.Tensor:
    """The minimum of a convex quadratic: one Newton step on automatic derivatives."""

    def flat(v: torch.Tensor) -> torch.Tensor:
        return objective(v.reshape(start.shape))

    zero = torch.zeros(start.numel(), dtype=torch.float64)
    gradient = torch.autograd.functional.jacobian(flat, zero)
    hessian = torch.autograd.functional.hessian(flat, zero)
    return torch.linalg.solve(hessian, -gradient).reshape(start.shape)


@pytest.mark.parametrize("storage", STORAGES)
@UNHURRIED
@given(tasks=st.integers(2, 5), rows=st.integers(1, 4), inputs=st.integers(2, 12))
def test_merged_vectors_are_the_exact_minimum_for_any_number_of_tasks(
    storage: str, tasks: int, rows: int, inputs: int
) -> None:
    moments = moments_of(tasks, rows, inputs, storage)
    members = [noise(2, inputs, seed=100 + task) for task in range(tasks)]
    matrices = [each.whole() for each in moments]

    def squared_error(f: torch.Tensor) -> torch.Tensor:
        away = [(w - f, h) for w, h in zip(members, matrices, strict=True)]
        return torch.stack([((d @ h) * d).sum() for d, h in away]).sum() / 2

    merged = optimum(moments, members)
    assert (merged - minimised(squared_error, members[0])).abs().max() < EXACT
    assert math.isclose(
        cost(moments, members, merged).sum(), squared_error(merged), rel_tol=EXACT, abs_tol=EXACT
    )


def test_cost_is_half_the_squared_error_before_activation() -> None:
    rows = [noise(50, 4, seed=1), noise(50, 4, seed=2)]
    moments = [SecondMoment.of_rows(each, 50) for each in rows]
    members, merged = [noise(1, 4, seed=3), noise(1, 4, seed=4)], noise(1, 4, seed=5)
    direct = sum(
        ((x @ (w - merged)[0]) ** 2).mean() / 2 for x, w in zip(rows, members, strict=True)
    )
    assert cost(moments, members, merged).item() == pytest.approx(float(direct), rel=EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tasks", [2, 3, 5])
@pytest.mark.parametrize("storage", STORAGES)
def test_vectors_that_are_the_same_stay_bit_for_bit(
    storage: str, tasks: int, dtype: torch.dtype
) -> None:
    moments = moments_of(tasks, 2, 12, storage)
    members = [noise(3, 12).to(dtype)] * tasks
    assert torch.equal(optimum(moments, members), members[0])
    assert torch.equal(mean(members), members[0])
    assert cost(moments, members, optimum(moments, members)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("storage", STORAGES)
def test_more_groups_than_are_widened_at_once(storage: str) -> None:
    moments = moments_of(2, 2, 5, storage)
    members = [noise(NEURONS_AT_ONCE + 3, 5, seed=t) for t in range(2)]
    last = [each[-1:] for each in members]
    merged = optimum(moments, members)
    assert merged.shape == members[0].shape
    assert torch.allclose(merged[-1:], optimum(moments, last), atol=EXACT)
    assert len(cost(moments, members, merged)) == NEURONS_AT_ONCE + 3


def test_the_mean_counts_every_task_the_same() -> None:
    members = [noise(2, 3, seed=t) for t in range(3)]
    assert torch.allclose(mean(members), torch.stack(members).mean(0), atol=EXACT)


def test_a_task_whose_inputs_are_all_dead_leaves_the_decision_to_the_other() -> None:
    dead = SecondMoment.of_matrix(torch.zeros(4, 4, dtype=torch.float64)).damped(1e-3)
    x = noise(9, 4)
    live = SecondMoment.of_matrix(x.T @ x / 9).damped(1e-3)
    members = [noise(2, 4, seed=1), noise(2, 4, seed=2)]
    assert torch.allclose(optimum([dead, live], members), members[1], atol=EXACT)
