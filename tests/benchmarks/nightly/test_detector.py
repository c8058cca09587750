from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.benchmarks.nightly.detector import (
    LEARNING,
    Past,
    Suspicion,
    confirmed,
    far_off,
    suspicion_of,
)

LEAST = 0.005
NIGHTS = 25
SHIFTS = st.floats(-0.2, 0.2)


def past(seed: int = 0, spread: float = 0.001, nights: int = NIGHTS) -> Past:
    values = np.random.default_rng(seed).normal(0, spread, nights)
    return Past(tuple(values.tolist()), LEAST, 0.0)


def shifted(before: Past, by: float) -> Past:
    return Past(tuple(value + by for value in before.values), before.least, before.error)


def test_a_shift_of_one_percent_is_suspicious_the_same_night() -> None:
    found = suspicion_of(past(), log(1.01))
    assert found is not None
    assert found.nights == 1
    assert found.shift == pytest.approx(0.01, abs=0.001)


@given(st.floats(-LEAST * 0.9, LEAST * 0.9))
def test_what_is_nobodys_business_is_never_suspicious(tonight: float) -> None:
    quiet = Past((0.0,) * NIGHTS, LEAST, 0.0)
    assert suspicion_of(quiet, tonight) is None


@given(st.integers(0, LEARNING - 1), SHIFTS)
def test_without_enough_nights_nothing_is_said(nights: int, tonight: float) -> None:
    assert suspicion_of(past(nights=nights), tonight) is None


@settings(deadline=None)
@given(SHIFTS, st.floats(-5, 5))
def test_only_the_distance_from_the_level_matters(tonight: float, level: float) -> None:
    moved = far_off(shifted(past(), level), tonight + level)
    assert moved == pytest.approx(far_off(past(), tonight), rel=1e-6, abs=1e-9)


@given(st.floats(0.006, 0.1), st.floats(1.01, 3))
def test_the_farther_the_less_likely(shift: float, times: float) -> None:
    assert far_off(past(), times * shift)[1] < far_off(past(), shift)[1]


def test_an_uncertain_night_says_less() -> None:
    certain, uncertain = past(), Past(past().values, LEAST, 0.02)
    assert far_off(uncertain, 0.02)[1] > 0.1 > far_off(certain, 0.02)[1]


def test_a_level_that_is_three_nights_old_is_told_with_its_age() -> None:
    noisy = past(seed=1, spread=0.01)
    recent = (0.036, 0.038)
    found = suspicion_of(Past((*noisy.values, *recent), LEAST, 0.02), 0.037)
    assert found is not None
    assert found.nights == 3


def test_after_a_change_the_new_level_is_what_is_normal() -> None:
    longer = Past((*past().values, *(v + 0.05 for v in past(1, nights=8).values)), LEAST, 0.0)
    assert suspicion_of(longer, 0.05) is None
    assert suspicion_of(longer, 0.0) is not None


def confirm(again: Sequence[float], shift: float = 0.02) -> float | None:
    (found,) = confirmed([(past(), Suspicion(shift, 0.001, 1))], [again])
    return found


def test_new_sessions_alone_confirm() -> None:
    assert confirm([0.019, 0.021]) == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize("again", [[0.0, 0.001], [-0.02, -0.02], [0.004, 0.004], []])
def test_what_they_do_not_show_is_not_confirmed(again: Sequence[float]) -> None:
    assert confirm(again) is None


def test_many_suspects_need_more_than_one() -> None:
    """A shift that confirms alone does not when forty others were suspicious as well."""
    doubtful = (past(spread=0.004), Suspicion(0.01, 0.01, 1))
    again = [0.009, 0.009]
    assert confirmed([doubtful], [again])[0] is not None
    assert confirmed([doubtful] * 41, [again] + [[0.0, 0.0]] * 40)[0] is None
