"""A scale and a shift per task for shared outputs: what batch norm statistics are re-estimated to.

Letters: S shared neurons, P inputs with the bias's constant 1 last.
"""

import torch

from taskzip.pipeline.zipper.gather import Moments

_FLAT = 1e-12
"""Share of a neuron's power that counts as no variance."""


def fit_affine(
    moments: Moments, index: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """a, b (S,) that minimise E(a y + b − z)², y = row · x̃ for rows (S, P), z outputs `index`.

    A neuron that does not vary gets a = 1.
    """
    wide = rows.double()
    y_mean, z_mean, product = _first_moments(moments, index, wide)
    power = moments.inputs.power(wide)
    variance = power - y_mean**2
    flat = variance <= _FLAT * power.clamp(min=torch.finfo(torch.float64).tiny)
    slope = (product - y_mean * z_mean) / torch.where(flat, torch.ones_like(variance), variance)
    scale = torch.where(flat, torch.ones_like(slope), slope)
    return scale, z_mean - scale * y_mean


def deviation(moments: Moments) -> torch.Tensor:
    """(N,) the standard deviation of each original output; 1 where it does not vary."""
    rows = moments.inputs.is_rows
    mean = moments.outputs.double().mean(0) if rows else moments.outputs[:, -1]
    variance = moments.target_power - mean**2
    flat = variance <= _FLAT * moments.target_power.clamp(min=torch.finfo(torch.float64).tiny)
    return torch.where(flat, torch.ones_like(variance), variance).sqrt()


def _first_moments(
    moments: Moments, index: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """E y, E z and E zy (S,)."""
    y_mean = moments.inputs.times(rows)[:, -1]
    if not moments.inputs.is_rows:
        crossed = moments.outputs[index]
        return y_mean, crossed[:, -1], (rows * crossed).sum(1)
    z = moments.outputs[:, index].double()
    y = moments.inputs.stored.double() @ rows.T
    return y.mean(0), z.mean(0), (z * y).mean(0)
