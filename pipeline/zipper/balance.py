"""Positive scales that make neurons of different networks comparable before they are matched.

ReLU and pooling let a hidden neuron be multiplied by s > 0 and what reads it divided by s: the
network computes the same. Letters: N neurons, P inputs with the bias's constant.
"""

import torch

from taskzip.pipeline.zipper.chain import Layer

_SPREAD = 1e3
"""Scales stay within this factor of their middle: dead neurons have no scale of their own."""


def balance(weights: torch.Tensor, moment: torch.Tensor, reader: Layer) -> torch.Tensor:
    """(N,) s_i = (‖what reads i‖ / rms of i before activation)^½, for weights (N, P), H (P, P).

    With it a neuron's mean square before activation is its old rms times its influence on
    `reader`, the next layer: a number that no scaling of single neurons changes.
    """
    power = ((weights @ moment) * weights).sum(1).clamp(min=0).sqrt()
    outgoing = reader.weight.double().reshape(reader.outputs, reader.inputs, -1)
    influence = outgoing.square().sum((0, 2)).sqrt()
    ratio = (influence.clamp(min=_tiny(influence)) / power.clamp(min=_tiny(power))).sqrt()
    middle = ratio.median()
    return ratio.clamp(middle / _SPREAD, middle * _SPREAD)


def _tiny(values: torch.Tensor) -> float:
    largest = float(values.max())
    return largest / _SPREAD**2 if largest > 0 else 1.0
