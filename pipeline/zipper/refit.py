"""A task's weights, solved again for the inputs that the layer gets once those before are merged.

Letters: N outputs, P inputs with the constant 1 appended.
"""

import torch

from taskzip.pipeline.zipper.moments import Moments


def refit(weights: torch.Tensor, moments: Moments, ridge: float) -> torch.Tensor:
    """argmin_W E‖W x̃ − z‖² + λ‖W − W_t‖², (N, P), float64; λ = `ridge` · mean diagonal of H.

    Written as a correction of W_t, so that weights that already fit stay as they are.
    """
    scale = ridge * moments.inputs.diagonal().mean()
    system = moments.inputs + scale * torch.eye(len(moments.inputs), dtype=torch.float64)
    residual = moments.cross - weights @ moments.inputs
    return weights + torch.cholesky_solve(residual.T, torch.linalg.cholesky(system)).T
