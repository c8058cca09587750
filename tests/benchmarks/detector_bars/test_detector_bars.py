from pathlib import Path

import numpy as np
import pytest

from taskzip.benchmarks.detector_bars.measure import watch
from taskzip.benchmarks.detector_bars.phone import Phone
from taskzip.benchmarks.detector_bars.planted import Planted, plant
from taskzip.benchmarks.detector_bars.replay import Replay, read_nights
from taskzip.benchmarks.detector_bars.rules import LastNight, Ours, OverPercentile, ThreeSigma
from taskzip.contracts.errors import BadInput

NIGHTS = Path(__file__).parents[2] / "recordings" / "nights"
TICK_NS = 16


def sides(reference: float, candidate: float) -> list:
    return [(np.full((8, 1), reference), np.full((8, 1), candidate))]


def test_one_percent_in_any_row_is_found_the_same_night_and_a_month_is_silent() -> None:
    """The bars of `deploy nightly` on the counted clock, nights drawn from two that were run."""
    recorded = read_nights(NIGHTS)
    found = plant(lambda generator: Replay(generator, recorded), lambda: Ours(0.005, TICK_NS))
    assert found == Planted(recorded=2, rows=4, found=4, nights=30, false_nights=0)


def test_a_folder_without_nights_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give a folder of nights"):
        read_nights(tmp_path)


def test_the_same_seed_draws_the_same_nights() -> None:
    one, other = (Phone(np.random.default_rng(3)).next_night({})() for _ in range(2))
    assert all(
        np.array_equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_only_the_candidate_of_a_slower_row_takes_longer() -> None:
    one, slower = (Phone(np.random.default_rng(3)).next_night(each)() for each in ({}, {2: 1.5}))
    for row, ((r1, c1), (r2, c2)) in enumerate(zip(one, slower, strict=True)):
        assert np.array_equal(r1, r2)
        assert np.allclose(c2, c1 * (1.5 if row == 2 else 1.0))


@pytest.mark.parametrize("is_paired", [True, False])
def test_last_night_is_what_five_percent_are_of(is_paired: bool) -> None:
    rule = LastNight(is_paired)
    alarms = [
        rule.alarms(list, sides(100, candidate), learns=False) for candidate in (100, 104, 110)
    ]
    assert alarms == [set(), set(), {0}]


def test_a_ratio_does_not_see_what_slows_both() -> None:
    paired, alone = LastNight(is_paired=True), LastNight(is_paired=False)
    for level in (100, 200):
        seen = [rule.alarms(list, sides(level, level), learns=False) for rule in (paired, alone)]
    assert seen == [set(), {0}]


def test_a_percentile_is_of_last_nights_samples() -> None:
    rule = OverPercentile()
    night = [(np.ones((10, 1)), np.arange(1.0, 11.0)[:, None])]
    assert rule.alarms(list, night, learns=False) == set()
    assert rule.alarms(list, sides(1, 9.0), learns=False) == set()
    assert rule.alarms(list, sides(1, 9.2), learns=False) == {0}


def test_three_sigma_are_of_the_nights_before() -> None:
    rule = ThreeSigma(is_paired=False)
    for value in (99, 100, 101, 100):
        assert rule.alarms(list, sides(1, value), learns=True) == set()
    assert rule.alarms(list, sides(1, 102), learns=False) == set()
    assert rule.alarms(list, sides(1, 106), learns=False) == {0}


@pytest.mark.slow
def test_on_simulated_phone_noise_ours_is_silent_where_simple_rules_are_not() -> None:
    ours, last = watch(Phone, lambda: [Ours(0.01, 52, 2), LastNight(is_paired=False)], 2, 4)
    assert ours.false_nights_per_month <= 1 < last.false_nights_per_month
    assert ours.smallest_shift is not None
