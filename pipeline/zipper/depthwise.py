"""Layers in groups, each output by itself: moments, refit and merging in batches of small systems.

Letters: R rows, N outputs, S groups of outputs, p inputs of an output: the kernels of its group and
the bias's constant 1 last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from taskzip.pipeline.zipper.finite import INPUT, OUTPUT, check_finite
from taskzip.pipeline.zipper.ridge import best_scale
from taskzip.pipeline.zipper.second_moment import SMALLEST_DAMPING


@dataclass(frozen=True, eq=False)
class ChannelMoments:
    """Means over rows, float64."""

    inputs: torch.Tensor
    """E[x̃ x̃ᵀ] (N, p, p)."""
    cross: torch.Tensor
    """E[z x̃] (N, p)."""

    @property
    def dead_inputs(self) -> int:
        """How many inputs are 0 in all rows, of all channels."""
        return int((self.inputs.diagonal(dim1=1, dim2=2) == 0).sum())

    @property
    def size(self) -> int:
        """N · p."""
        return self.inputs.shape[0] * self.inputs.shape[1]

    def damping(self, fraction: float) -> float:
        """The mean δ of the channels, `fraction` of their mean diagonals."""
        return float(_dampings(self.inputs, fraction).mean())

    def refit(self, weights: torch.Tensor, ridge: float) -> torch.Tensor:
        """argmin_w E(w x̃ − z)² + λ‖w − c w_t‖² (N, p), λ = `ridge` · mean diagonal of its channel,
        c the number that fits all channels best.
        """
        given = torch.einsum("npq,nq->np", self.inputs, weights)
        scale = best_scale((self.cross * weights).sum(), (given * weights).sum())
        system = damped(self.inputs, ridge)
        return scale * weights + torch.linalg.solve(system, self.cross - scale * given)


def gather_channels(rows: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> ChannelMoments:
    """Sum z (R, N) and x̃ (R, N, p) in one pass; NotFinite for a number that is not."""
    inputs = cross = torch.zeros(())
    count = 0
    for outputs, given in rows:
        check_finite(INPUT, given, count)
        check_finite(OUTPUT, outputs, count)
        targets, wide = outputs.double(), given.double()
        inputs = inputs + torch.einsum("rnp,rnq->npq", wide, wide)
        cross = cross + torch.einsum("rn,rnp->np", targets, wide)
        count += len(wide)
    if count == 0:
        raise ValueError("no rows were given")
    return ChannelMoments(inputs / count, cross / count)


def merge_channels(
    moments: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]
) -> torch.Tensor:
    """f (S, p) = (Σ_t H_t)⁻¹ Σ_t H_t w_t for each group.

    H_t (S, p, p) positive definite, w_t (S, p), one entry per task, channels in group order.
    """
    pulled = sum(torch.einsum("spq,sq->sp", h, w) for h, w in zip(moments, weights, strict=True))
    return torch.linalg.solve(torch.stack(list(moments)).sum(0), torch.as_tensor(pulled))


def channel_costs(
    moments: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], merged: torch.Tensor
) -> torch.Tensor:
    """½ Σ_t (w_t − f)ᵀ H_t (w_t − f) (S,) for each group, float64."""
    costs = torch.zeros(len(merged), dtype=torch.float64)
    for h, w in zip(moments, weights, strict=True):
        costs += torch.einsum("sp,spq,sq->s", w - merged, h, w - merged) / 2
    return costs


def damped(inputs: torch.Tensor, fraction: float) -> torch.Tensor:
    """H + δI for each channel, δ = `fraction` of its mean diagonal."""
    delta = _dampings(inputs, fraction)[:, None, None]
    return inputs + delta * torch.eye(inputs.shape[1], dtype=inputs.dtype)


def _dampings(inputs: torch.Tensor, fraction: float) -> torch.Tensor:
    mean = inputs.diagonal(dim1=1, dim2=2).mean(1)
    return max(fraction, SMALLEST_DAMPING) * mean.clamp(min=torch.finfo(torch.float32).tiny)
