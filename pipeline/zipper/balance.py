"""Positive scales that make neurons of different networks comparable before they are matched.

ReLU and pooling let a hidden neuron be multiplied by s > 0 and what reads it divided by s: the
network computes the same. Letters: N neurons.
"""

import torch

from taskzip.pipeline.zipper.gram import slices

OUTPUTS_AT_ONCE = 64
_SPREAD = 1e3
"""Scales stay within this factor of their middle: dead neurons have no scale of their own."""


def balance(power: torch.Tensor, reader: torch.Tensor) -> torch.Tensor:
    """(N,) s_i = (‖what reads i‖ / rms of i before activation)^½, for the mean squares before
    activation, (N,), and what reads the neurons, (outputs, N, columns).

    With it a neuron's mean square before activation is its old rms times its influence on
    `reader`, the next layer: a number that no scaling of single neurons changes.
    """
    rms = power.sqrt()
    influence = _square_sums(reader).sqrt()
    ratio = (influence.clamp(min=_tiny(influence)) / rms.clamp(min=_tiny(rms))).sqrt()
    middle = ratio.median()
    return ratio.clamp(middle / _SPREAD, middle * _SPREAD)


def _square_sums(reader: torch.Tensor) -> torch.Tensor:
    """(N,) float64 of (outputs, N, columns), widened in blocks."""
    total = torch.zeros(reader.shape[1], dtype=torch.float64)
    for outputs in slices(len(reader), OUTPUTS_AT_ONCE):
        total += reader[outputs].double().square_().sum((0, 2))
    return total


def _tiny(values: torch.Tensor) -> float:
    largest = float(values.max())
    return largest / _SPREAD**2 if largest > 0 else 1.0
