"""Positive scales that make neurons of different networks comparable before they are matched.

ReLU and pooling let a hidden neuron be multiplied by s > 0 and what reads it divided by s: the
network computes the same. Letters: N neurons, P inputs with the bias's constant.
"""

import torch

from taskzip.pipeline.zipper.second_moment import SecondMoment

_SPREAD = 1e3
"""Scales stay within this factor of their middle: dead neurons have no scale of their own."""


def balance(weights: torch.Tensor, moment: SecondMoment, reader: torch.Tensor) -> torch.Tensor:
    """(N,) s_i = (‖what reads i‖ / rms of i before activation)^½, for weights (N, P), H (P, P)
    and what reads the neurons, (outputs, N, columns).

    With it a neuron's mean square before activation is its old rms times its influence on
    `reader`, the next layer: a number that no scaling of single neurons changes.
    """
    power = moment.power(weights).sqrt()
    influence = reader.double().square().sum((0, 2)).sqrt()
    ratio = (influence.clamp(min=_tiny(influence)) / power.clamp(min=_tiny(power))).sqrt()
    middle = ratio.median()
    return ratio.clamp(middle / _SPREAD, middle * _SPREAD)


def _tiny(values: torch.Tensor) -> float:
    largest = float(values.max())
    return largest / _SPREAD**2 if largest > 0 else 1.0
