import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from taskzip.benchmarks.statistics import Estimate, judge, median, ratio_of_medians

positive = st.integers(1, 10**12)


@settings(max_examples=30, deadline=None)
@given(st.lists(positive, min_size=1, max_size=12))
def test_the_interval_holds_the_median_and_stays_within_the_samples(samples: list[int]) -> None:
    estimate = median(samples)
    assert estimate.value == np.median(samples)
    assert min(samples) <= estimate.low <= estimate.value <= estimate.high <= max(samples)


@settings(max_examples=20, deadline=None)
@given(positive, st.integers(1, 20))
def test_equal_samples_have_an_interval_without_width(value: int, count: int) -> None:
    assert median([value] * count) == Estimate(value, value, value)
    same = ratio_of_medians([value] * count, [value] * count, paired=True)
    assert same == Estimate(1.0, 1.0, 1.0)


def test_the_interval_is_the_percentile_bootstrap_of_scipy() -> None:
    samples = np.random.default_rng(3).lognormal(10, 0.3, 25)
    reference = bootstrap(
        (samples,), np.median, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    estimate = median(samples)
    spread = reference.high - reference.low
    assert math.isclose(estimate.low, reference.low, abs_tol=0.1 * spread)
    assert math.isclose(estimate.high, reference.high, abs_tol=0.1 * spread)


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    true_median = math.exp(3)
    intervals = [median(generator.lognormal(3, 0.5, 20)) for _ in range(300)]
    covered = np.mean([one.low <= true_median <= one.high for one in intervals])
    assert 0.90 <= covered <= 0.99  # 95 %, less what the percentile bootstrap loses at n = 20


def test_a_ratio_of_known_distributions_is_found() -> None:
    generator = np.random.default_rng(6)
    ratio = ratio_of_medians(
        generator.normal(300, 10, 60), generator.normal(100, 5, 60), paired=False
    )
    assert ratio.low < 3 < ratio.high
    assert ratio.high - ratio.low < 0.2


def test_pairing_takes_out_what_both_sides_share() -> None:
    generator = np.random.default_rng(7)
    shared = generator.lognormal(10, 0.5, 40)
    noisy = shared * generator.normal(2, 0.01, 40)
    paired = ratio_of_medians(noisy, shared, paired=True)
    independent = ratio_of_medians(noisy, shared, paired=False)
    assert paired.value == independent.value
    assert paired.low < 2 < paired.high
    assert (paired.high - paired.low) < 0.5 * (independent.high - independent.low)


def test_samples_of_a_unit_are_drawn_together() -> None:
    generator = np.random.default_rng(8)
    units = generator.normal(100, 20, (12, 1))
    repeated = np.repeat(units, 50, axis=1)  # says no more than the 12 units do
    assert ratio_of_medians(repeated, np.ones(12), paired=False) == ratio_of_medians(
        units, np.ones(12), paired=False
    )


def test_the_same_samples_always_give_the_same_interval() -> None:
    samples = np.random.default_rng(9).normal(100, 20, 15)
    assert median(samples) == median(samples.copy())


def test_a_divisor_below_one_tick_counts_as_one_tick() -> None:
    ratio = ratio_of_medians([520.0] * 6, [0.0] * 6, paired=True, shortest=52)
    assert ratio == Estimate(10.0, 10.0, 10.0)


def test_no_samples_are_an_error() -> None:
    with pytest.raises(ValueError, match="no samples"):
        median([])


def test_unequal_numbers_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="2 and 3"):
        ratio_of_medians([1, 2], [1, 2, 3], paired=True)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.40, 0.60, "faster"),
        (1.50, 1.70, "slower"),
        (0.97, 1.04, "equivalent"),
        (1.01, 1.02, "equivalent"),
        (0.95, 1.05, "equivalent"),
        (0.90, 1.01, "undecided"),
        (0.80, 1.30, "undecided"),
        (0.90, 0.99, "faster"),
    ],
)
def test_verdicts_follow_the_interval(low: float, high: float, verdict: str) -> None:
    ratio = Estimate((low + high) / 2, low, high)
    assert judge(ratio, below="faster", above="slower") == verdict
