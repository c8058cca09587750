"""Weights solved again so that they give wanted outputs from other inputs: ridge regression.

Letters: R rows, N outputs, P inputs with the constant 1 last. Both forms give the V (N, P) of

    argmin_V E‖V x − z‖² + λ‖V − W‖²  =  W + E[(z − W x) xᵀ] (E[x xᵀ] + λI)⁻¹,

float64, λ > 0; as a correction of W, so that weights that already fit stay as they are.
"""

import torch


def solve_whole(
    weights: torch.Tensor, inputs: torch.Tensor, cross: torch.Tensor, penalty: float
) -> torch.Tensor:
    """V from W (N, P), E[x xᵀ] (P, P) and E[z xᵀ] (N, P): one system of P equations."""
    residual = cross - weights.double() @ inputs
    system = inputs.clone()
    system.diagonal().add_(penalty)
    return weights + torch.cholesky_solve(residual.T, torch.linalg.cholesky(system)).T


def solve_rows(
    weights: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor, penalty: float
) -> torch.Tensor:
    """V from W (N, P), rows X (R, P) and Z (R, N), E a sum over rows: one system of R equations.

    The dual form, exact as well: X (XᵀX + λI)⁻¹ = (XXᵀ + λI)⁻¹ X.
    """
    system = inputs @ inputs.T
    system.diagonal().add_(penalty)
    residual = targets - inputs @ weights.double().T
    return weights + torch.cholesky_solve(residual, torch.linalg.cholesky(system)).T @ inputs
