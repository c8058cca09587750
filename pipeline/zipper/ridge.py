"""Weights solved again so that they give wanted outputs from other inputs: ridge regression.

Letters: R rows, N outputs, P inputs with the constant 1 last. Both forms give the V (N, P) of

    argmin_V E‖V x − z‖² + λ‖V − cW‖²  =  cW + E[(z − cW x) xᵀ] (E[x xᵀ] + λI)⁻¹,

λ > 0, c = argmin_c E‖cW x − z‖² = Σ E[z xᵀ]∘W / Σ (W E[x xᵀ])∘W: inputs of another scale than those
that W was made for give the same outputs. As a correction of cW, so that weights that already fit
stay as they are. Results have the dtype of W; sums run in float64.
"""

import torch

from taskzip.pipeline.zipper.gram import gram_factor
from taskzip.pipeline.zipper.second_moment import blocks


def solve_whole(
    weights: torch.Tensor, inputs: torch.Tensor, cross: torch.Tensor, penalty: float
) -> torch.Tensor:
    """V from W (N, P), E[x xᵀ] (P, P) and E[z xᵀ] (N, P): one system of P equations.

    `inputs` is overwritten.
    """
    wide = weights.double()
    given = wide @ inputs
    scale = best_scale((cross * wide).sum(), (given * wide).sum())
    residual = cross - scale * given
    inputs.diagonal().add_(penalty)
    correction = torch.cholesky_solve(residual.T, torch.linalg.cholesky(inputs)).T
    return (scale * wide + correction).to(weights.dtype)


def solve_rows(
    weights: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor, penalty: float
) -> torch.Tensor:
    """V from W (N, P), rows X (R, P) and Z (R, N), E a sum over rows: one system of R equations.

    The dual form, exact as well: X (XᵀX + λI)⁻¹ = (XXᵀ + λI)⁻¹ X.
    """
    given = torch.empty_like(targets)
    for rows in blocks(weights):
        given[:, rows] = inputs @ weights[rows].double().T
    scale = best_scale((targets * given).sum(), given.square().sum())
    residual = targets - scale * given
    factor = gram_factor(inputs, penalty)
    solved = torch.empty_like(weights)
    for rows in blocks(weights):
        correction = torch.cholesky_solve(residual[:, rows], factor).T @ inputs
        solved[rows] = scale * weights[rows].double() + correction
    return solved


def best_scale(wanted: torch.Tensor, power: torch.Tensor) -> torch.Tensor:
    """c of Σ E[z xᵀ]∘W and Σ (W E[x xᵀ])∘W; 1 where W gives nothing from these inputs."""
    return torch.where(power > 0, wanted / power, 1.0)
