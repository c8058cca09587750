from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.benchmarks.sequences import random_sequence, round_robin
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
