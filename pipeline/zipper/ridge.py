"""Weights solved again so that they give wanted outputs from other inputs: ridge regression.

Letters: R rows, N outputs, P inputs with the constant 1 last. Both forms give the V (N, P) of

    argmin_V E‖V x − z‖² + λ‖V − W‖²  =  W + E[(z − W x) xᵀ] (E[x xᵀ] + λI)⁻¹,

λ > 0; as a correction of W, so that weights that already fit stay as they are. Results have the
dtype of W; sums run in float64.
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
    residual = cross - weights.double() @ inputs
    inputs.diagonal().add_(penalty)
    solved = weights + torch.cholesky_solve(residual.T, torch.linalg.cholesky(inputs)).T
    return solved.to(weights.dtype)


def solve_rows(
    weights: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor, penalty: float
) -> torch.Tensor:
    """V from W (N, P), rows X (R, P) and Z (R, N), E a sum over rows: one system of R equations.

    The dual form, exact as well: X (XᵀX + λI)⁻¹ = (XXᵀ + λI)⁻¹ X.
    """
    factor = gram_factor(inputs, penalty)
    solved = torch.empty_like(weights)
    for rows in blocks(weights):
        wide = weights[rows].double()
        residual = targets[:, rows] - inputs @ wide.T
        solved[rows] = wide + torch.cholesky_solve(residual, factor).T @ inputs
    return solved
