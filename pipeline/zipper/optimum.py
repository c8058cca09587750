"""One vector for a group of neurons, one neuron of each task (He et al. 2018, eq. 9-12).

Letters: T tasks, S groups, P inputs, R rows of all tasks. The paper states the optimum for two
tasks; this is the exact minimum for any number. Moments are damped, so that it is unique.
Everything is written as a correction of the first task's vector: vectors that are the same already
come back bit for bit. Results have the dtype of the first task's weights; sums run in float64.
"""

from collections.abc import Iterator, Sequence

import torch

from taskzip.pipeline.zipper.gram import gram_factor
from taskzip.pipeline.zipper.second_moment import SecondMoment, are_low_rank, in_blocks, total

Members = tuple[torch.Tensor, ...]
"""Vectors of the same few groups, (≤ S, P) float64 of each task."""


def optimum(moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """f (S, P) = (Σ_t H_t)⁻¹ Σ_t H_t w_t, for H_t (P, P) and w_t (S, P)."""
    solve = _by_rows if are_low_rank(moments) else _by_matrix
    return _joined(solve(moments, weights), weights[0])


def mean(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """The plain average (S, P) of w_t (S, P)."""
    equal = [1 / len(weights)] * len(weights)
    return _joined((_weighted_mean(members, equal) for members in _groups(weights)), weights[0])


def cost(
    moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], merged: torch.Tensor
) -> torch.Tensor:
    """d (S,) = ½ Σ_t (w_t − f)ᵀ H_t (w_t − f), float64: half the squared pre-activation error."""
    parts = [
        torch.cat([moment.power(w - f) for w, f in _groups((each, merged))])
        for moment, each in zip(moments, weights, strict=True)
    ]
    return torch.stack(parts).sum(0) / 2


def _by_matrix(
    moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
) -> Iterator[torch.Tensor]:
    factor = torch.linalg.cholesky(total(moments).whole())
    for base, *others in _groups(weights):
        pulled = torch.zeros_like(base)
        for moment, member in zip(moments[1:], others, strict=True):
            pulled += moment.times(member - base)
        yield base + torch.cholesky_solve(pulled.T, factor).T


def _by_rows(
    moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
) -> Iterator[torch.Tensor]:
    """Solve R equations instead of P.

    With H_t = X_tᵀ X_t + δ_t I, X all rows, δ = Σ δ_t and w̄ = Σ δ_t w_t / δ, the conditions for
    the minimum are (XᵀX + δI)(f − w̄) = Σ X_tᵀ X_t (w_t − w̄), as the δ_t (w_t − w̄) cancel. Hence
    f = w̄ + Xᵀ (XXᵀ + δI)⁻¹ r with the parts r_t = X_t (w_t − w̄).
    """
    dampings = [each.damping for each in moments]
    shares = [each / sum(dampings) for each in dampings]
    rows = [each.weighted_rows() for each in moments]
    stacked = torch.cat(rows)
    factor = gram_factor(stacked, sum(dampings))
    for members in _groups(weights):
        base = _weighted_mean(members, shares)
        wanted = [x @ (member - base).T for x, member in zip(rows, members, strict=True)]
        yield base + torch.cholesky_solve(torch.cat(wanted), factor).T @ stacked


def _weighted_mean(members: Sequence[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    first = members[0]
    result = first.clone()
    for member, share in zip(members[1:], shares[1:], strict=True):
        result += (member - first) * share
    return result


def _joined(parts: Iterator[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Consecutive rows as one tensor of the shape and dtype of `like`."""
    joined, start = torch.empty_like(like), 0
    for part in parts:
        joined[start : start + len(part)] = part
        start += len(part)
    return joined


def _groups(weights: Sequence[torch.Tensor]) -> Iterator[Members]:
    return zip(*(in_blocks(each) for each in weights), strict=True)
