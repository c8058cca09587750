"""Cost tables against merging each pair by itself; pairings against trying all of them."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.pipeline.zipper.optimum import cost, optimum
from taskzip.pipeline.zipper.pairing import (
    PAIRINGS,
    Candidates,
    correlation_costs,
    greedy,
    hungarian,
    l2_costs,
    match,
    pair_costs,
    random_costs,
)
from taskzip.pipeline.zipper.second_moment import SecondMoment

EXACT = 1e-9
"""Float64 on well-conditioned problems of this size."""
UNHURRIED = settings(max_examples=30, deadline=None)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def moment(rows: int, inputs: int, seed: int, *, as_rows: bool) -> SecondMoment:
    x = noise(rows, inputs, seed=seed)
    made = SecondMoment.of_rows(x, rows) if as_rows else SecondMoment.of_matrix(x.T @ x / rows)
    return made.damped(0.02 * (seed + 1))


def candidates(task: int, neurons: int, inputs: int, *, as_rows: bool = False) -> Candidates:
    rows = 3 if as_rows else 2 * inputs
    return Candidates(
        moment(rows, inputs, task, as_rows=as_rows), noise(neurons, inputs, seed=100 + task)
    )


def pairs_of(found: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int]]:
    return list(zip(found[0].tolist(), found[1].tolist(), strict=True))


@pytest.mark.parametrize("as_rows", [(False, False), (True, True), (True, False)])
@UNHURRIED
@given(
    inputs=st.integers(2, 14),
    rows=st.integers(1, 4),
    widths=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_pair_table_equals_merging_each_pair_by_itself(
    as_rows: tuple[bool, bool], inputs: int, rows: int, widths: tuple[int, int]
) -> None:
    moments = [moment(rows, inputs, t, as_rows=as_rows[t]) for t in (0, 1)]
    a, b = noise(widths[0], inputs, seed=8), noise(widths[1], inputs, seed=9)
    table = pair_costs(moments[0], a, moments[1], b)
    for i, j in itertools.product(range(widths[0]), range(widths[1])):
        members = [a[i : i + 1], b[j : j + 1]]
        direct = cost(moments, members, optimum(moments, members)).item()
        assert table[i, j] == pytest.approx(direct, rel=EXACT, abs=EXACT)


@pytest.mark.parametrize("as_rows", [False, True])
def test_the_same_neuron_costs_nothing(as_rows: bool) -> None:
    moments = [moment(3, 20, t, as_rows=as_rows) for t in (0, 1)]
    weights = noise(6, 20)
    table = pair_costs(moments[0], weights, moments[1], weights)
    assert (table.diagonal() < EXACT).all()
    assert (table + np.eye(6) > EXACT).all()


@pytest.mark.parametrize("as_rows", [False, True])
def test_float32_weights_give_the_same_table(as_rows: bool) -> None:
    moments = [moment(3, 20, t, as_rows=as_rows) for t in (0, 1)]
    a, b = noise(4, 20, seed=1).float(), noise(5, 20, seed=2).float()
    narrow = pair_costs(moments[0], a, moments[1], b)
    assert narrow.dtype == np.float64
    assert np.allclose(narrow, pair_costs(moments[0], a.double(), moments[1], b.double()), 1e-5)


def test_l2_costs_are_half_the_squared_distances() -> None:
    a, b = noise(3, 5), noise(4, 5, seed=1)
    assert np.allclose(l2_costs(a, b), torch.cdist(a, b).numpy() ** 2 / 2)


def test_correlation_costs_are_one_less_the_correlation_and_dead_neurons_correlate_with_none() -> (
    None
):
    a, b = noise(3, 500), noise(4, 500, seed=1)
    b[1], b[2], b[3] = 2 * a[0], -3 * a[1], 0
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    table = correlation_costs(a @ b.T, (a**2).sum(1), (b**2).sum(1))
    assert np.allclose(table[:, :3], 1 - np.corrcoef(a, b[:3])[:3, 3:])
    assert table[0, 1] == pytest.approx(0, abs=EXACT)
    assert table[1, 2] == pytest.approx(2)
    assert (table[:, 3] == 1).all()


def test_random_costs_depend_on_the_seed_alone() -> None:
    assert (random_costs((2, 3), 1) == random_costs((2, 3), 1)).all()
    assert (random_costs((2, 3), 1) != random_costs((2, 3), 2)).any()


@UNHURRIED
@given(data=st.data())
def test_hungarian_is_the_cheapest_of_all_partial_matchings(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    count = data.draw(st.integers(0, min(rows, columns)))
    entries = st.integers(0, data.draw(st.sampled_from([1, 3, 1000])))
    size = rows * columns
    drawn = data.draw(st.lists(entries, min_size=size, max_size=size))
    costs = np.array(drawn, dtype=float).reshape(rows, columns)
    left, right = hungarian(costs, count)
    best = min(
        costs[list(chosen), list(partners)].sum() if count else 0.0
        for chosen in itertools.combinations(range(rows), count)
        for partners in itertools.permutations(range(columns), count)
    )
    assert len(set(left.tolist())) == len(set(right.tolist())) == count
    assert left.tolist() == sorted(left.tolist())
    assert costs[left, right].sum() == best


@UNHURRIED
@given(data=st.data())
def test_greedy_takes_the_cheapest_free_pair_again_and_again(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    count = data.draw(st.integers(0, min(rows, columns)))
    size = rows * columns
    drawn = data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))
    costs = np.array(drawn, dtype=float).reshape(rows, columns)
    expected: list[tuple[int, int]] = []
    for _ in range(count):
        free = [
            (costs[i, j], i, j)
            for i, j in itertools.product(range(rows), range(columns))
            if all(i != row and j != column for row, column in expected)
        ]
        expected.append(min(free)[1:])
    assert pairs_of(greedy(costs, count)) == sorted(expected)


@pytest.mark.parametrize("pairing", sorted(PAIRINGS))
@pytest.mark.parametrize("tasks", [2, 3, 5])
@pytest.mark.parametrize("as_rows", [False, True])
def test_matching_finds_permuted_copies_among_any_number_of_tasks(
    as_rows: bool, tasks: int, pairing: str
) -> None:
    original = noise(7, 20)
    orders = [torch.randperm(7, generator=torch.Generator().manual_seed(t)) for t in range(tasks)]
    found = match(
        [
            Candidates(candidates(t, 7, 20, as_rows=as_rows).moment, original[orders[t]])
            for t in range(tasks)
        ],
        7,
        PAIRINGS[pairing],
    )
    originals = [orders[t][torch.from_numpy(found[t])].tolist() for t in range(tasks)]
    assert all(each == originals[0] for each in originals)


@pytest.mark.parametrize("as_rows", [False, True])
def test_prices_of_joining_add_up_to_the_true_total(as_rows: bool) -> None:
    tasks = [candidates(t, 4, 14, as_rows=as_rows) for t in range(4)]
    paid: list[float] = []

    def in_order(costs: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        paid.append(costs.diagonal().sum())
        return np.arange(count), np.arange(count)

    match(tasks, 4, in_order)
    moments, members = [t.moment for t in tasks], [t.weights for t in tasks]
    total = cost(moments, members, optimum(moments, members)).sum().item()
    assert sum(paid) == pytest.approx(total, rel=EXACT)


@UNHURRIED
@given(widths=st.lists(st.integers(2, 6), min_size=1, max_size=4), data=st.data())
def test_every_group_has_one_neuron_of_each_task_whatever_their_widths(
    widths: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, min(widths)))
    tasks = [candidates(t, width, 5) for t, width in enumerate(widths)]
    for pairing in PAIRINGS.values():
        found = match(tasks, count, pairing)
        for picked, width in zip(found, widths, strict=True):
            assert len(set(picked.tolist())) == len(picked) == count
            assert all(0 <= each < width for each in picked)
