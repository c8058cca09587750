"""One vector for a group of neurons, one neuron of each task (He et al. 2018, eq. 9-12).

Letters: T tasks, S groups, P inputs. The paper states the optimum for two tasks; this is the exact
minimum for any number.
"""

from collections.abc import Sequence

import torch


def optimum(moments: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """f (S, P) = (Σ_t H_t)⁻¹ Σ_t H_t w_t, for H_t (P, P) and w_t (S, P), all float64."""
    total = torch.stack(list(moments)).sum(0)
    pulled = sum(w @ h for h, w in zip(moments, weights, strict=True))
    return torch.cholesky_solve(torch.as_tensor(pulled).T, torch.linalg.cholesky(total)).T


def cost(
    moments: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], merged: torch.Tensor
) -> torch.Tensor:
    """d (S,) = ½ Σ_t (w_t − f)ᵀ H_t (w_t − f): half the squared error before activation."""
    parts = [
        ((w - merged) @ h * (w - merged)).sum(1) for h, w in zip(moments, weights, strict=True)
    ]
    return torch.stack(parts).sum(0) / 2


def damped(moment: torch.Tensor, fraction: float) -> torch.Tensor:
    """H + δI, δ = `fraction` of H's mean diagonal: positive definite also for dead inputs."""
    delta = fraction * moment.diagonal().mean()
    return moment + delta * torch.eye(len(moment), dtype=moment.dtype)
