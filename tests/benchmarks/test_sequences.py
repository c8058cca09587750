from collections import Counter
from collections.abc import Callable
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.benchmarks.sequences import (
    BURST_SWITCHES,
    bursty_sequence,
    cut,
    every_pair,
    random_sequence,
    round_robin,
    rounds,
    zipf_sequence,
)
from taskzip.contracts.errors import BadInput


@given(tasks=st.integers(2, 9), length=st.integers(0, 60), seed=st.text(max_size=8))
def test_no_task_follows_itself_and_the_first_is_not_task_0(
    tasks: int, length: int, seed: str
) -> None:
    sequence = random_sequence(tasks, length, seed)
    assert len(sequence) == length
    assert all(0 <= task < tasks for task in sequence)
    assert all(one != other for one, other in zip((0, *sequence), sequence, strict=False))


def test_a_seed_always_gives_the_same_sequence_and_another_seed_another() -> None:
    assert random_sequence(5, 30, "0.1") == random_sequence(5, 30, "0.1")
    assert random_sequence(5, 30, "0.1") != random_sequence(5, 30, "0.2")


def test_tasks_come_equally_often_in_the_long_run() -> None:
    counts = Counter(random_sequence(4, 8000, "7"))
    assert all(abs(count - 2000) < 150 for count in counts.values())  # about 4 sigma


def test_round_robin_visits_every_task_in_each_round() -> None:
    assert round_robin(3, 2) == (1, 2, 0, 1, 2, 0)


def test_one_task_cannot_be_switched() -> None:
    with pytest.raises(BadInput, match="at least two"):
        random_sequence(1, 5, "0")


@pytest.mark.parametrize("draw", [bursty_sequence, rounds, zipf_sequence])
@given(tasks=st.integers(2, 9), length=st.integers(0, 60), seed=st.text(max_size=8))
def test_every_drawn_step_is_a_switch(
    draw: Callable[[int, int, str], tuple[int, ...]], tasks: int, length: int, seed: str
) -> None:
    sequence = draw(tasks, length, seed)
    assert len(sequence) == length
    assert all(0 <= task < tasks for task in sequence)
    assert all(one != other for one, other in pairwise((0, *sequence)))
    assert sequence == draw(tasks, length, seed)


def test_in_every_round_each_task_comes_once() -> None:
    sequence = rounds(9, 90, "1")
    turns = [sequence[start : start + 9] for start in range(0, 90, 9)]
    assert all(set(turn) == set(range(9)) for turn in turns)
    assert len(set(turns)) > 1


def test_a_burst_is_two_tasks_that_take_turns() -> None:
    sequence = bursty_sequence(6, 8000, "3")
    returns = sum(one == other for one, other in zip(sequence, sequence[2:], strict=False))
    assert returns / 8000 == pytest.approx(1 - 1 / BURST_SWITCHES, abs=0.02)
    assert set(sequence) == set(range(6))


def test_earlier_tasks_of_a_zipf_workload_come_more_often() -> None:
    counts = Counter(zipf_sequence(5, 8000, "3"))
    assert [task for task, _ in counts.most_common()] == [0, 1, 2, 3, 4]
    leaving_4 = Counter(
        after for before, after in pairwise(zipf_sequence(5, 40_000, "3")) if before == 4
    )
    assert leaving_4[0] / leaving_4[3] == pytest.approx(4, rel=0.2)


@given(tasks=st.integers(2, 9), seed=st.text(max_size=8))
def test_every_pair_is_every_ordered_pair_once_and_begins_from_task_0(
    tasks: int, seed: str
) -> None:
    cycle = every_pair(tasks, seed)
    switches = Counter(pairwise((cycle[-1], *cycle)))
    assert switches == Counter(permutations(range(tasks), 2))
    assert (cycle[-1], cycle[0]) == (0, 1)


def test_a_cut_may_begin_before_the_first_step() -> None:
    assert cut((5, 6, 7), -2, 6) == (6, 7, 5, 6, 7, 5)
