"""A second moment, whole and as rows, against H written out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.pipeline.zipper.second_moment import SecondMoment, are_low_rank, total

EXACT = 1e-12
"""Float64, a few dozen numbers of size 1."""
UNHURRIED = settings(max_examples=30, deadline=None)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def written_out(rows: torch.Tensor, count: int) -> torch.Tensor:
    return rows.T @ rows / count


def both(rows: torch.Tensor, count: int) -> list[SecondMoment]:
    return [
        SecondMoment.of_matrix(written_out(rows, count)),
        SecondMoment.of_rows(rows, count),
    ]


@UNHURRIED
@given(rows=st.integers(1, 6), inputs=st.integers(2, 9), neurons=st.integers(0, 4))
def test_both_storages_multiply_as_the_matrix_does(rows: int, inputs: int, neurons: int) -> None:
    x, w = noise(rows, inputs), noise(neurons, inputs, seed=1)
    expected = written_out(x, 7)
    for moment in both(x, 7):
        assert moment.size == inputs
        assert torch.allclose(moment.times(w), w @ expected, atol=EXACT)
        assert torch.allclose(moment.power(w), ((w @ expected) * w).sum(1), atol=EXACT)
        assert torch.allclose(moment.whole(), expected, atol=EXACT)


def test_damping_and_task_weight_apply_to_everything() -> None:
    x, w = noise(3, 5), noise(2, 5, seed=1)
    plain = written_out(x, 3)
    delta = 0.5 * float(plain.diagonal().mean())
    expected = 2 * (plain + delta * torch.eye(5, dtype=torch.float64))
    for moment in both(x, 3):
        used = moment.damped(0.5).scaled(2)
        assert torch.allclose(used.whole(), expected, atol=EXACT)
        assert torch.allclose(used.times(w), w @ expected, atol=EXACT)
        assert torch.allclose(used.power(w), ((w @ expected) * w).sum(1), atol=EXACT)
        assert used.mean_diagonal == pytest.approx(float(expected.diagonal().mean()))


def test_a_part_of_the_inputs_is_the_part_of_the_matrix() -> None:
    columns = torch.tensor([4, 0, 3])
    x = noise(3, 5)
    for moment in both(x, 3):
        part = moment.damped(0.1).at(columns)
        whole = moment.damped(0.1).whole()
        assert torch.allclose(part.whole(), whole[columns][:, columns], atol=EXACT)
        assert part.size == 3


@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_centred_is_the_least_that_a_shift_leaves(damping: float) -> None:
    x, w = noise(6, 4), noise(3, 4, seed=1)
    x[:, -1] = 1
    shifts = torch.linspace(-5, 5, 2001, dtype=torch.float64)
    for moment in both(x, 6):
        moved = [((w @ x.T + shift) ** 2).mean(1) for shift in shifts]
        least = torch.stack(moved).min(0).values + damping * w.square().sum(1)
        damped = SecondMoment(moment.stored, moment.scale, damping)
        assert torch.allclose(damped.centred().power(w), least, atol=1e-5)


def test_a_thinned_one_is_of_rows_evenly_spread_and_counts_as_much() -> None:
    rows = noise(10, 12).repeat_interleave(3, dim=0)
    whole = SecondMoment.of_rows(rows, 30)
    thinned = whole.thinned(10)
    assert len(thinned.stored) == 10
    torch.testing.assert_close(thinned.whole(), whole.whole(), atol=EXACT, rtol=0)
    assert whole.thinned(30) is whole
    matrix = SecondMoment.of_matrix(whole.whole())
    assert matrix.thinned(2) is matrix


def test_dead_inputs_are_counted_whether_damped_or_not() -> None:
    x = noise(3, 5)
    x[:, [1, 4]] = 0
    for moment in both(x, 3):
        assert moment.dead_inputs == 2
        assert moment.damped(0.1).dead_inputs == 2


def test_inputs_that_are_all_dead_are_damped_all_the_same() -> None:
    for moment in both(torch.zeros(2, 4, dtype=torch.float64), 2):
        assert moment.damped(0.1).damping > 0


def test_power_of_a_rounded_matrix_is_never_negative() -> None:
    moment = SecondMoment.of_matrix(torch.tensor([[1.0, 1.0], [1.0, 1 - 1e-16]]).double() * -1e-16)
    assert moment.power(torch.ones(3, 2)).tolist() == [0, 0, 0]


def test_results_keep_the_dtype_of_the_weights() -> None:
    for moment in both(noise(3, 5), 3):
        assert moment.times(noise(2, 5).float()).dtype == torch.float32
        assert moment.power(noise(2, 5).float()).dtype == torch.float64


def test_a_sum_stays_rows_while_they_are_fewer_than_the_inputs() -> None:
    moments = [SecondMoment.of_rows(noise(2, 5, seed=t), 2).damped(0.1).scaled(t) for t in (1, 2)]
    expected = moments[0].whole() + moments[1].whole()
    few = total(moments)
    assert few.is_rows
    assert torch.allclose(few.whole(), expected, atol=EXACT)
    many = [*moments, SecondMoment.of_rows(noise(2, 5, seed=3), 2)]
    assert not are_low_rank(many)
    assert torch.allclose(total(many).whole(), expected + many[2].whole(), atol=EXACT)


def test_a_sum_of_rows_and_a_matrix_is_whole() -> None:
    rows, matrix = noise(2, 5), noise(9, 5, seed=1)
    moments = [SecondMoment.of_rows(rows, 2), SecondMoment.of_matrix(written_out(matrix, 9))]
    together = total(moments)
    assert not together.is_rows
    assert torch.allclose(together.whole(), written_out(rows, 2) + written_out(matrix, 9))
