import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.benchmarks.compare.levels import (
    Taken,
    _weighted_medians,
    are_paired,
    spread_of_ratio,
)
from taskzip.benchmarks.compare.ratio import ALPHA, Ratio

TRIALS = 150


def taken(values, sessions=None, blocks=None, steps=None) -> Taken:
    values = np.asarray(values, dtype=np.float64)
    none = (0,) * len(values)
    return Taken(
        values.reshape(len(values), -1),
        none if sessions is None else tuple(sessions),
        none if blocks is None else tuple(blocks),
        steps,
    )


def ratio(reference: Taken, other: Taken) -> Ratio:
    spread = spread_of_ratio(reference, other, 1)
    change = math.log(other.median / reference.median)
    return Ratio(change, math.sqrt(spread.variance), spread.degrees_of_freedom)


def share_of_trials(called) -> float:
    generator = np.random.default_rng(11)
    return float(np.mean([called(generator) for _ in range(TRIALS)]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 4)), min_size=1, max_size=12).filter(
        lambda pairs: any(weight for _, weight in pairs)
    )
)
def test_a_weighted_median_is_that_of_the_repeated_samples(pairs) -> None:
    values, weights = np.array(sorted(pairs)).T
    found = _weighted_medians(values.astype(float), weights[None])
    assert found == [np.median(np.repeat(values, weights))]


def test_the_spread_of_a_median_is_that_of_the_normal_distribution() -> None:
    """The median of n normal samples has a variance of nearly π/2 · σ²/n."""
    generator = np.random.default_rng(1)
    found = [
        spread_of_ratio(*(taken(generator.normal(1000, 10, 101)) for _ in range(2)), 1).variance
        for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(2 * math.pi / 2 * 0.01**2 / 101, rel=0.2)


def test_intervals_cover_the_true_ratio_as_often_as_they_say() -> None:
    def covers(generator) -> bool:
        sides = [taken(generator.lognormal(10 + shift, 0.2, 25)) for shift in (0, 0.1)]
        found = ratio(*sides).estimate
        return found.low <= math.exp(0.1) <= found.high

    assert 0.91 <= share_of_trials(covers) <= 0.99


@pytest.mark.parametrize("sessions", [2, 3, 5])
def test_sessions_that_differ_by_chance_are_rarely_called_different(sessions: int) -> None:
    def side(generator) -> Taken:
        levels = np.repeat(generator.normal(0, 0.03, sessions), 12)
        values = np.exp(10 + levels + generator.normal(0, 0.01, 12 * sessions))
        return taken(values, np.repeat(range(sessions), 12))

    def is_called(generator) -> bool:
        return ratio(side(generator), side(generator)).p_different() <= ALPHA

    assert share_of_trials(is_called) <= 0.08


def test_blocks_that_differ_by_chance_are_rarely_called_different() -> None:
    def side(generator) -> Taken:
        levels = np.repeat(generator.normal(0, 0.03, 4), 10)
        values = np.exp(10 + levels + generator.normal(0, 0.01, 40))
        return taken(values, blocks=np.repeat(range(4), 10))

    def is_called(generator) -> bool:
        return ratio(side(generator), side(generator)).p_different() <= ALPHA

    assert share_of_trials(is_called) <= 0.08


def test_paired_sessions_of_many_steps_are_rarely_called_different() -> None:
    steps = tuple((0, index, "a") for index in range(20)) * 3
    costs = np.tile(np.random.default_rng(2).normal(0, 0.5, 20), 3)

    def side(generator) -> Taken:
        levels = np.repeat(generator.normal(0, 0.01, 3), 20)
        values = np.exp(10 + costs + levels + generator.normal(0, 0.01, 60))
        return taken(values, np.repeat(range(3), 20), steps=steps)

    def is_called(generator) -> bool:
        return ratio(side(generator), side(generator)).p_different() <= ALPHA

    assert share_of_trials(is_called) <= 0.08


def test_one_percent_is_found_with_heavy_tails() -> None:
    def is_called(generator) -> bool:
        reference, other = (
            taken(10_000 * (1 + shift) * (1 + 0.01 * generator.standard_t(3, 80)))
            for shift in (0, 0.01)
        )
        return ratio(reference, other).p_different() <= ALPHA

    assert share_of_trials(is_called) >= 0.9


def test_pairing_takes_out_what_steps_share() -> None:
    generator = np.random.default_rng(3)
    costs = generator.lognormal(10, 0.5, 30)
    steps = tuple((0, index, "a") for index in range(30))
    both = [costs * generator.normal(1, 0.002, 30) for _ in range(2)]
    paired = ratio(*(taken(values, steps=steps) for values in both))
    apart = ratio(*(taken(values) for values in both))
    assert paired.log == apart.log
    assert paired.standard_error < 0.1 * apart.standard_error


def test_other_steps_are_not_paired() -> None:
    one, other = ((0, 0, "a"), (0, 1, "b")), ((0, 0, "a"), (0, 1, "c"))
    assert are_paired(taken([1, 2], steps=one), taken([3, 4], steps=one))
    assert not are_paired(taken([1, 2], steps=one), taken([3, 4], steps=other))
    assert not are_paired(taken([1, 2], steps=one), taken([3, 4]))


def test_samples_of_a_switch_stay_together() -> None:
    generator = np.random.default_rng(4)
    once = [generator.normal(100, 10, (12, 1)) for _ in range(2)]
    many = [np.repeat(values, 30, axis=1) for values in once]
    assert spread_of_ratio(*map(taken, once), 1) == spread_of_ratio(*map(taken, many), 1)


def test_the_same_samples_always_give_the_same_spread() -> None:
    sides = [taken(np.random.default_rng(seed).normal(100, 5, 20)) for seed in (5, 6)]
    assert spread_of_ratio(*sides, 1) == spread_of_ratio(*sides, 1)


def test_the_widest_level_is_named() -> None:
    generator = np.random.default_rng(7)
    levels = np.repeat(generator.normal(0, 0.2, 4), 10)
    values = np.exp(10 + levels + generator.normal(0, 0.001, 40))
    side = taken(values, np.repeat(range(4), 10))
    assert spread_of_ratio(side, side, 1).level == "session"
    assert spread_of_ratio(taken(values), taken(values), 1).level == "sample"


def test_equal_samples_have_no_spread() -> None:
    found = spread_of_ratio(taken([80] * 6), taken([96] * 6), 16)
    assert (found.variance, found.degrees_of_freedom) == (0, math.inf)
