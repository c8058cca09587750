"""The plan solver against trying every sharing."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.budget import (
    Choices,
    Group,
    LayerBytes,
    Sharing,
    within_bytes,
    within_error,
)

ROUNDING = 1e-9
"""Sums of a few floats."""
TRIALS = 60
EXACT_SHARE = 0.98
"""Of small random problems; measured over 1,000: 0.999."""
WORST_ERROR = 2.0
"""Times the least error possible; measured over 1,000: 1.67, as single channels weigh much here."""
WORST_SAVING = 0.85
"""Of the most bytes possible; measured over 1,000: 0.91."""
UNHURRIED = settings(max_examples=25, deadline=None)
MULTIPLES = pytest.mark.parametrize("multiple", [1, 2, 4])


def problem(seed: int, multiple: int = 1) -> Choices:
    """Up to four groups in a chain, some with layers onto themselves or past a neighbour."""
    draw = random.Random(seed)
    count = draw.randint(1, 4)
    groups = tuple(Group(f"g{i}", _errors(draw), multiple) for i in range(count))
    layers = []
    for i in range(count):
        before = ((f"g{i - 1}", draw.choice([1, 1, 4])),) if i else ()
        common = 0 if i else draw.choice([1, 3])
        kernel = draw.choice([1, 9])
        layers.append(LayerBytes(f"l{i}", before, f"g{i}", kernel, common))
        if draw.random() < 0.4:
            layers.append(LayerBytes(f"residual{i}", ((f"g{i}", 1),), f"g{i}", kernel=9))
        if i > 1 and draw.random() < 0.3:
            layers.append(LayerBytes(f"past{i}", ((f"g{i - 2}", 1),), f"g{i}"))
    return Choices(groups, tuple(layers), separate_bytes=10_000)


def _errors(draw: random.Random) -> tuple[float, ...]:
    scales = [draw.choice([0.0, 1e-3, 1.0, 10.0]) for _ in range(draw.randint(1, 6))]
    return tuple(sorted(scale * draw.random() ** draw.choice([1, 4]) for scale in scales))


def every_sharing(choices: Choices) -> list[Sharing]:
    names = [group.name for group in choices.groups]
    ranges = [
        [*range(0, len(group.errors), group.multiple), len(group.errors)]
        for group in choices.groups
    ]
    return [
        choices.sharing(dict(zip(names, counts, strict=True)))
        for counts in itertools.product(*ranges)
    ]


CHAIN = Choices(
    groups=(Group("a", (0.0, 1.0)), Group("b", (0.5, 2.0, 4.0))),
    layers=(
        LayerBytes("first", (), "a", kernel=9, common_columns=3),
        LayerBytes("second", (("a", 4),), "b", weight_bytes=2, tasks=3),
    ),
    separate_bytes=1000,
)


def test_bytes_saved_are_the_block_of_shared_inputs_and_outputs_once_instead_of_per_task() -> None:
    first = 4 * 2 * (9 * 3 + 1)
    second = (3 - 1) * 2 * 3 * (4 * 2 + 1)
    assert CHAIN.most == Sharing({"a": 2, "b": 3}, 1000 - first - second, 7.5)


def test_a_layer_whose_inputs_are_private_saves_nothing_not_even_its_bias() -> None:
    assert CHAIN.sharing({"a": 0, "b": 3}).size_bytes == 1000


def test_errors_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(ValueError, match="'a': errors must ascend"):
        Group("a", (1.0, 0.5))


@UNHURRIED
@given(seed=st.integers(0, 10**6), part=st.floats(0, 1.2), multiple=st.integers(1, 7))
def test_a_byte_budget_is_kept(seed: int, part: float, multiple: int) -> None:
    choices = problem(seed, multiple)
    least = choices.most.size_bytes
    budget = least + int((choices.separate_bytes - least) * part)
    found = within_bytes(choices, budget)
    assert found.size_bytes <= budget
    assert found == choices.sharing(found.counts)
    assert all(found.counts[each.name] in each.levels for each in choices.groups)


@UNHURRIED
@given(seed=st.integers(0, 10**6), part=st.floats(0, 1.2), multiple=st.integers(1, 7))
def test_an_error_budget_is_kept(seed: int, part: float, multiple: int) -> None:
    choices = problem(seed, multiple)
    budget = choices.most.error * part
    found = within_error(choices, budget)
    assert found.error <= budget * (1 + ROUNDING)
    assert found == choices.sharing(found.counts)
    assert all(found.counts[each.name] in each.levels for each in choices.groups)


@MULTIPLES
def test_the_least_error_within_bytes_is_found_nearly_always(multiple: int) -> None:
    exact = 0
    for seed in range(TRIALS):
        choices = problem(seed, multiple)
        least = choices.most.size_bytes
        saved = choices.separate_bytes - least
        budget = least + int(saved * random.Random(seed).random())
        fitting = (each for each in every_sharing(choices) if each.size_bytes <= budget)
        best = min(each.error for each in fitting)
        found = within_bytes(choices, budget).error
        exact += found <= best * (1 + ROUNDING)
        assert found <= WORST_ERROR * best + ROUNDING
    assert exact >= EXACT_SHARE * TRIALS


@MULTIPLES
def test_the_fewest_bytes_within_an_error_are_found_nearly_always(multiple: int) -> None:
    exact = 0
    for seed in range(TRIALS):
        choices = problem(seed, multiple)
        budget = choices.most.error * random.Random(seed).random()
        allowed = budget * (1 + ROUNDING)
        fitting = (each for each in every_sharing(choices) if each.error <= allowed)
        most_saved = choices.separate_bytes - min(each.size_bytes for each in fitting)
        saved = choices.separate_bytes - within_error(choices, budget).size_bytes
        exact += saved >= most_saved
        assert saved >= WORST_SAVING * most_saved
    assert exact >= EXACT_SHARE * TRIALS


@UNHURRIED
@given(seed=st.integers(0, 10**6))
def test_the_tightest_budgets_that_can_be_kept(seed: int) -> None:
    choices = problem(seed)
    assert within_bytes(choices, choices.most.size_bytes).size_bytes == choices.most.size_bytes
    assert within_bytes(choices, choices.separate_bytes).error == 0
    assert within_error(choices, 0).error == 0
    assert within_error(choices, choices.most.error).size_bytes == choices.most.size_bytes


def test_bytes_below_the_private_minimum_are_refused_with_the_minimum() -> None:
    least = CHAIN.most.size_bytes
    with pytest.raises(BadInput, match=f"{least - 1} bytes .* {least} remain .* {least} or more"):
        within_bytes(CHAIN, least - 1)


@pytest.mark.parametrize("error", [-1.0, float("nan")])
def test_an_error_that_cannot_be_is_refused(error: float) -> None:
    with pytest.raises(BadInput, match=f"max_error: {error}"):
        within_error(CHAIN, error)


def test_what_saves_no_bytes_is_not_shared() -> None:
    alone = Choices((Group("a", (0.0, 1.0)),), (LayerBytes("l", (), "a"),), 100)
    assert within_bytes(alone, 100).counts == {"a": 0}
    assert within_error(alone, 5.0).counts == {"a": 0}


def test_identical_networks_are_shared_whole_where_bytes_are_few() -> None:
    groups = (Group("a", (0.0,) * 4), Group("b", (0.0,) * 3))
    same = Choices(groups, CHAIN.layers, 1000)
    assert within_error(same, 0).counts == {"a": 4, "b": 3}
    assert within_bytes(same, same.most.size_bytes).counts == {"a": 4, "b": 3}


def test_candidates_are_shared_so_many_at_once_until_fewer_are_left() -> None:
    group = Group("a", (1.0, 2.0, 4.0, 8.0, 16.0), multiple=2)
    assert group.levels == (0, 2, 4, 5)
    assert group.steps == (3.0, 12.0, 16.0)


def test_no_groups_share_nothing() -> None:
    empty = Choices((), (), 100)
    assert within_bytes(empty, 100) == within_error(empty, 0.0) == Sharing({}, 100, 0)
