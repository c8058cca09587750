from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.benchmarks.history.changepoints import LEAST, change_points, divergences

ROUNDING = 1e-9
"""Relative: sums of up to 20 distances in another order."""
series = st.lists(st.integers(-1000, 1000).map(float), min_size=4, max_size=20)


def divergence_by_definition(first: list[float], second: list[float]) -> float:
    """The sample divergence of Matteson & James, scaled, α = 1, pair by pair."""
    n, m = len(first), len(second)
    between = 2 / (n * m) * sum(abs(x - y) for x, y in product(first, second))
    within = sum(
        sum(abs(x - y) for x, y in combinations(part, 2)) / (len(part) * (len(part) - 1) / 2)
        for part in (first, second)
    )
    return n * m / (n + m) * (between - within)


@given(series)
def test_divergences_are_what_the_paper_defines(values: list[float]) -> None:
    found = divergences(np.array(values))
    for split in range(len(values)):
        if LEAST <= split <= len(values) - LEAST:
            expected = divergence_by_definition(values[:split], values[split:])
            assert found[split] == pytest.approx(expected, rel=ROUNDING, abs=1e-6)
        else:
            assert found[split] == -np.inf


@settings(max_examples=25, deadline=None)
@given(series, st.integers(-5, 5), st.sampled_from([0.5, 2.0, 8.0]))
def test_unit_and_origin_do_not_matter(values: list[float], origin: int, unit: float) -> None:
    moved = [origin + unit * value for value in values]
    assert change_points(moved) == change_points(values)


@given(st.integers(0, 50), st.floats(-1e6, 1e6))
def test_what_stays_the_same_has_no_change(count: int, value: float) -> None:
    assert change_points([value] * count) == ()


def noise(seed: int, count: int) -> list[float]:
    return np.random.default_rng(seed).standard_t(3, count).tolist()


@pytest.mark.parametrize("after", [3, 10, 30])
def test_a_step_is_found_where_it_is_be_it_three_values_old(after: int) -> None:
    values = noise(1, 30) + [10 + value for value in noise(2, after)]
    (found,) = change_points(values)
    assert found.index == 30


def test_a_step_up_and_back_is_two_changes() -> None:
    values = noise(3, 20) + [12 + value for value in noise(4, 20)] + noise(5, 20)
    assert [point.index for point in change_points(values)] == [20, 40]


def test_heavy_tailed_noise_seldom_shows_a_change() -> None:
    """At 1 %, 200 series show 2 in the mean; 8 or more with a chance of 0.1 %."""
    alarms = sum(bool(change_points(noise(seed, 30))) for seed in range(200))
    assert alarms < 8


def test_one_value_far_off_is_no_change() -> None:
    values = noise(6, 30)
    assert change_points([*values[:15], 1000.0, *values[15:]]) == ()
