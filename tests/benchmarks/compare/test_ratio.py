import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from taskzip.benchmarks.compare.holm import holm
from taskzip.benchmarks.compare.ratio import ALPHA, POWER, Ratio, need
from taskzip.benchmarks.compare.samples import cliffs_delta, count_outliers
from taskzip.contracts.sidebyside import Need

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_a_difference_is_tested_as_students_t_does() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(0.1, 0.3, 20)
    reference = stats.ttest_1samp(values, 0)
    found = Ratio(float(values.mean()), float(stats.sem(values)), 19)
    assert found.p_different() == pytest.approx(reference.pvalue)
    low, high = reference.confidence_interval()
    assert (found.estimate.low, found.estimate.high) == pytest.approx(
        (math.exp(low), math.exp(high))
    )


def test_equivalence_is_the_worse_of_two_one_sided_tests() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(0.01, 0.05, 20)
    above = stats.ttest_1samp(values, math.log(1.05), alternative="less").pvalue
    below = stats.ttest_1samp(values, math.log(0.95), alternative="greater").pvalue
    found = Ratio(float(values.mean()), float(stats.sem(values)), 19)
    assert found.p_within(0.05) == pytest.approx(max(above, below))
    assert found.p_below(1.05) == pytest.approx(above)


@pytest.mark.parametrize(
    ("change", "different", "within"), [(0.0, 1.0, 0.0), (0.004, 0.0, 0.0), (0.01, 0.0, 1.0)]
)
def test_without_spread_the_ratio_decides(change, different, within) -> None:
    found = Ratio(math.log1p(change), 0.0)
    assert (found.p_different(), found.p_within(0.005)) == (different, within)


def test_as_many_samples_as_it_says_decide_as_often_as_it_says() -> None:
    """A change of 3 % with samples that spread by 10 %, tested at 5 %."""
    per_sample = 0.1 * math.sqrt(2)
    times = Ratio(math.log(1.03), per_sample / math.sqrt(10)).times_to_decide(0.005, ALPHA)
    count = need(times, 10, "sample").count
    generator = np.random.default_rng(3)
    changes = generator.normal(math.log(1.03), per_sample / math.sqrt(count), 2000)
    called = [Ratio(c, per_sample / math.sqrt(count)).p_different() <= ALPHA for c in changes]
    assert np.mean(called) == pytest.approx(POWER, abs=0.03)


def test_a_ratio_on_the_margin_is_decided_by_no_number_of_samples() -> None:
    on_it = Ratio(math.log1p(0.005), 0.01)
    assert need(on_it.times_to_decide(0.005, ALPHA), 25, "sample") is None


def test_what_has_no_spread_needs_the_least_that_is_valid() -> None:
    times = Ratio(0.0, 0.0).times_to_decide(0.005, ALPHA)
    assert need(times, 25, "sample") == Need(count=6, level="sample")
    assert need(times, 3, "session") == Need(count=2, level="session")


def test_holms_correction_of_a_known_example() -> None:
    """Four tests: 4 · 0.005, 3 · 0.01, 2 · 0.03, 1 · 0.04 which may not fall below 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(probabilities)
def test_holm_lies_between_no_correction_and_bonferronis(values: list[float]) -> None:
    for before, after in zip(values, holm(values), strict=True):
        assert before <= after <= max(before, min(1.0, len(values) * before * (1 + 1e-12)))


@given(probabilities)
def test_holm_rejects_what_stepping_down_rejects(values: list[float]) -> None:
    rejected = set()
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if (len(values) - rank) * values[index] > ALPHA:
            break
        rejected.add(index)
    assert {i for i, p in enumerate(holm(values)) if p <= ALPHA} == rejected


def test_many_equal_things_rarely_give_one_false_alarm() -> None:
    generator = np.random.default_rng(4)
    alarms = [min(holm(list(generator.uniform(size=96)))) <= ALPHA for _ in range(1000)]
    assert np.mean(alarms) <= 0.07


small = st.lists(st.integers(0, 9), min_size=1, max_size=8)


@given(small, small)
def test_cliffs_delta_counts_pairs(one: list[int], other: list[int]) -> None:
    signs = [(b > a) - (b < a) for a in one for b in other]
    found = cliffs_delta(np.array(one, float)[:, None], np.array(other, float)[:, None])
    assert found == pytest.approx(sum(signs) / len(signs))


def test_outliers_are_counted() -> None:
    values = np.array([[100.0 + i] for i in range(20)] + [[500.0], [1.0]])
    assert count_outliers(values) == 2
