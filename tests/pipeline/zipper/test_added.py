"""Entries that tasks add to what they share, against direct minimisation."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.pipeline.zipper.added import Choice, Split, choose, error_of, split, values_of
from taskzip.pipeline.zipper.optimum import optimum
from taskzip.pipeline.zipper.second_moment import SecondMoment

EXACT = 1e-9
UNHURRIED = settings(max_examples=25, deadline=None, derandomize=True)

Problem = tuple[list[SecondMoment], list[torch.Tensor]]


def problem(tasks: int, groups: int, size: int, seed: int, correlated: bool = True) -> Problem:
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    moments = []
    for _ in range(tasks):
        rows = noise(4 * size, size) if correlated else torch.diag(noise(size).abs() + 0.2)
        moments.append(SecondMoment.of_matrix(rows.T @ rows / len(rows)).damped(1e-3))
    return moments, [noise(groups, size) for _ in range(tasks)]


def least_error(of: Problem, masks: list[torch.Tensor]) -> float:
    """Over f and all s_t within the masks at once, by one least-squares problem a group."""
    moments, weights = of
    size, total = weights[0].shape[1], 0.0
    for group in range(len(weights[0])):
        blocks, wanted = [], []
        for task, (moment, w) in enumerate(zip(moments, weights, strict=True)):
            root = torch.linalg.cholesky(moment.whole()).T
            own = [torch.zeros(size, int(mask[group].sum())).double() for mask in masks]
            own[task] = root[:, masks[task][group]]
            blocks.append(torch.cat([root, *own], dim=1))
            wanted.append(root @ w[group])
        a, b = torch.cat(blocks), torch.cat(wanted)
        solution = torch.linalg.lstsq(a, b[:, None], driver="gelsd").solution
        total += float((a @ solution - b[:, None]).square().sum()) / 2
    return total


@UNHURRIED
@given(
    tasks=st.integers(2, 4),
    seed=st.integers(0, 99),
    entries=st.integers(0, 20),
    criterion=st.sampled_from(["hessian", "magnitude"]),
)
def test_no_round_raises_the_error(tasks: int, seed: int, entries: int, criterion: str) -> None:
    moments, weights = problem(tasks, 3, 4, seed)
    errors = []
    for rounds in range(5):
        wanted = Choice(entries, 4, criterion, rounds)  # type: ignore[arg-type]
        found = split(moments, weights, wanted)
        assert sum(int((each != 0).sum()) for each in found.added) <= entries
        errors.append(error_of(moments, weights, found))
    assert all(after <= before + EXACT for before, after in itertools.pairwise(errors))


@pytest.mark.parametrize("tasks", [2, 3])
def test_many_rounds_reach_the_minimum_for_their_entries(tasks: int) -> None:
    of = problem(tasks, 3, 5, seed=1)
    found = split(*of, Choice(12, 5, rounds=1000))
    masks = [each != 0 for each in found.added]
    assert error_of(*of, found) == pytest.approx(least_error(of, masks), rel=0.02)


def test_values_are_the_best_within_their_places() -> None:
    moments, weights = problem(2, 3, 5, seed=2)
    shared = optimum(moments, weights)
    masks = [torch.rand(3, 5, generator=torch.Generator().manual_seed(s)) < 0.4 for s in (1, 2)]
    found = values_of(moments, weights, shared, masks)
    for moment, w, mask, s in zip(moments, weights, masks, found, strict=True):
        slope = moment.times(w - shared - s)
        assert float(slope[mask].abs().max()) < EXACT
        assert torch.equal(s != 0, mask)


@pytest.mark.parametrize("tasks", [2, 3])
@pytest.mark.parametrize("entries", [1, 2, 3])
def test_entries_are_the_best_ones_where_inputs_do_not_correlate(tasks: int, entries: int) -> None:
    """Against all choices, taking one task a place as the greedy order does."""
    of = problem(tasks, 2, 3, seed=3, correlated=False)
    nothing = Split(optimum(*of), tuple(torch.zeros(2, 3).double() for _ in range(tasks)))
    chosen = choose(*of, nothing, Choice(entries, 3))
    places = list(itertools.product(range(tasks), range(2), range(3)))

    def masks(some: tuple[tuple[int, int, int], ...]) -> list[torch.Tensor]:
        found = torch.zeros(tasks, 2, 3, dtype=torch.bool)
        for place in some:
            found[place] = True
        return list(found)

    best = min(least_error(of, masks(some)) for some in itertools.combinations(places, entries))
    assert least_error(of, list(chosen)) == pytest.approx(best, rel=1e-6)


def test_all_entries_give_each_task_its_own_vectors() -> None:
    moments, weights = problem(3, 4, 5, seed=4)
    found = split(moments, weights, Choice(3 * 4 * 5, 5))
    for w, s in zip(weights, found.added, strict=True):
        assert torch.allclose(found.shared + s, w, atol=EXACT)


def test_no_entries_give_the_optimum() -> None:
    of = problem(3, 4, 5, seed=5)
    assert torch.equal(split(*of, Choice(0, 5)).shared, optimum(*of))


def test_a_last_input_that_means_nothing_gets_no_entry() -> None:
    of = problem(2, 4, 5, seed=6)
    found = split(*of, Choice(15, 4))
    assert all(float(each[:, -1].abs().max()) == 0 for each in found.added)
