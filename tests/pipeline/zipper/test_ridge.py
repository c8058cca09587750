"""Gathering, refitting and sampling against direct minimisation and plain sums."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskzip.pipeline.zipper.depthwise import gather_channels
from taskzip.pipeline.zipper.gather import ROWS_AT_ONCE, Moments, gather
from taskzip.pipeline.zipper.reservoir import Reservoir

EXACT = 1e-9
"""Float64 on well-conditioned problems of this size."""
UNHURRIED = settings(max_examples=30, deadline=None)
TINY_LIMIT_BYTES = 8 * 36
"""A 6 × 6 matrix fits."""


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def gathered(targets: torch.Tensor, rows: torch.Tensor, part: int = 3, **limit: int) -> Moments:
    parts = zip(targets.split(part), rows.split(part), strict=True)
    return gather(parts, rows.shape[1], **limit)


def minimised(
    objective: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor
) -> torch.Tensor:
    """The minimum of a convex quadratic: one Newton step on automatic derivatives."""

    def flat(v: torch.Tensor) -> torch.Tensor:
        return objective(v.reshape(start.shape))

    zero = torch.zeros(start.numel(), dtype=torch.float64)
    gradient = torch.autograd.functional.jacobian(flat, zero)
    hessian = torch.autograd.functional.hessian(flat, zero)
    return torch.linalg.solve(hessian, -gradient).reshape(start.shape)


@UNHURRIED
@given(count=st.integers(1, 12), inputs=st.integers(1, 6), part=st.integers(1, 5))
def test_moments_are_means_over_all_rows_however_they_arrive(
    count: int, inputs: int, part: int
) -> None:
    x, z = noise(count, inputs), noise(count, 2, seed=1)
    w = noise(2, inputs, seed=2)
    found = gathered(z, x, part)
    assert found.inputs.is_rows == (count < inputs)
    assert torch.allclose(found.inputs.whole(), x.T @ x / count, atol=EXACT)
    assert torch.allclose(found.target_power, (z**2).mean(0), atol=EXACT)
    expected = ((x @ w.T - z) ** 2).mean(0)
    assert torch.allclose(found.residual_power(w), expected, atol=EXACT)


@UNHURRIED
@given(count=st.integers(1, 12), inputs=st.integers(1, 6))
def test_refit_is_the_ridge_minimum_in_both_forms(count: int, inputs: int) -> None:
    x, z, original = noise(count, inputs), noise(count, 2, seed=1), noise(2, inputs, seed=2)
    penalty = 0.1 * (x**2).mean()

    def error(w: torch.Tensor) -> torch.Tensor:
        return ((x @ w.T - z) ** 2).sum(1).mean()

    scale = minimised(lambda c: error(c * original), torch.ones(1))

    def loss(w: torch.Tensor) -> torch.Tensor:
        return error(w) + penalty * ((w - scale * original) ** 2).sum()

    found = gathered(z, x).refit(original, 0.1)
    assert (found - minimised(loss, original)).abs().max() < EXACT


@pytest.mark.parametrize("count", [3, 40])
def test_refit_leaves_weights_that_already_fit(count: int) -> None:
    x, original = noise(count, 5), noise(2, 5, seed=1)
    refitted = gathered(x @ original.T, x).refit(original, 0.01)
    assert (refitted - original).abs().max() < EXACT


@pytest.mark.parametrize("count", [3, 40])
def test_refit_gives_the_same_outputs_from_inputs_of_another_scale(count: int) -> None:
    x, z, original = noise(count, 5), noise(count, 2, seed=1), noise(2, 5, seed=2)
    expected = gathered(z, x).refit(original, 0.1)
    assert (100 * gathered(z, 100 * x).refit(original, 0.1) - expected).abs().max() < EXACT


@UNHURRIED
@given(count=st.integers(1, 12), inputs=st.integers(1, 4), scale=st.sampled_from([1, 100]))
def test_each_channel_of_its_own_inputs_is_refitted_alone(
    count: int, inputs: int, scale: int
) -> None:
    x, z, original = scale * noise(count, 3, inputs), noise(count, 3, seed=1), noise(3, inputs)

    def error(w: torch.Tensor) -> torch.Tensor:
        return ((torch.einsum("rnp,np->rn", x, w) - z) ** 2).mean(0)

    near = minimised(lambda c: error(c * original).sum(), torch.ones(1)) * original
    penalty = 0.1 * (x**2).mean((0, 2))

    def loss(w: torch.Tensor) -> torch.Tensor:
        return (error(w) + penalty * ((w - near) ** 2).sum(1)).sum()

    found = gather_channels([(z, x)]).refit(original, 0.1)
    assert (scale * (found - minimised(loss, original))).abs().max() < EXACT


@pytest.mark.parametrize("count", [3, 40])
def test_refit_of_weights_that_give_nothing_is_solved_all_the_same(count: int) -> None:
    x, z = noise(count, 5), noise(count, 2, seed=1)
    assert gathered(z, x).refit(torch.zeros_like(noise(2, 5)), 0.1).isfinite().all()


def test_sums_of_many_float32_rows_are_as_exact_as_float64() -> None:
    count, inputs = 2 * ROWS_AT_ONCE + 5, 1030
    x, z = noise(count, inputs).float().relu(), noise(count, 2, seed=1).float()
    found = gathered(z, x, 700)
    exact = x.double().T @ x.double() / count
    assert not found.inputs.is_rows
    assert torch.allclose(found.inputs.whole(), exact, rtol=EXACT)
    assert torch.allclose(found.outputs, z.double().T @ x.double() / count, atol=EXACT)


def test_a_matrix_beyond_the_limit_is_never_formed() -> None:
    x, z = noise(50, 7), noise(50, 2, seed=1)
    found = gathered(z, x, limit_bytes=TINY_LIMIT_BYTES)
    assert found.inputs.is_rows
    assert 1 <= len(found.inputs.stored) < 7
    kept = {tuple(row) for row in x.tolist()}
    assert all(tuple(row) in kept for row in found.inputs.stored.tolist())
    again = gathered(z, x, part=11, limit_bytes=TINY_LIMIT_BYTES)
    assert torch.equal(found.inputs.stored, again.inputs.stored)
    assert torch.equal(found.outputs, again.outputs)


def test_a_sample_within_the_limit_is_every_row() -> None:
    x, z = noise(3, 70), noise(3, 2, seed=1)
    found = gathered(z, x, part=1, limit_bytes=8 * 70 * 69)
    assert torch.equal(found.inputs.stored, x)
    assert torch.equal(found.outputs, z)


@pytest.mark.parametrize("part", [7, 999, 20_000])
def test_a_sample_comes_from_the_whole_stream_evenly(part: int) -> None:
    reservoir = Reservoir(2000)
    for each in torch.arange(20_000).split(part):
        reservoir.add((each,))
    kept = reservoir.rows()[0]
    assert len(set(kept.tolist())) == 2000
    tenths = np.bincount(kept.numpy() // 2000, minlength=10)
    five_deviations = 5 * np.sqrt(2000 * 0.1 * 0.9)
    assert (abs(tenths - 200) < five_deviations).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_named(bad: float) -> None:
    x, z = noise(6, 4), noise(6, 2)
    x[5, 1] = bad
    with pytest.raises(ValueError, match=f"input 1 of calibration row 5 is {bad}"):
        gathered(z, x)
    with pytest.raises(
        ValueError, match=f"output before activation 1 of calibration row 5 is {bad}"
    ):
        gathered(x[:, :2], z)


def test_no_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        gather([], 3)
