"""Activations of Keras as modules of torch."""

from typing import Any

from torch import nn

_BY_NAME = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "hard_silu": nn.Hardswish,
    "hard_swish": nn.Hardswish,
    "hard_sigmoid": nn.Hardsigmoid,
    "softplus": nn.Softplus,
    "selu": nn.SELU,
    "gelu": nn.GELU,
}
_DROPPED = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise", "ActivityRegularization"),
)


def activation_function(function: Any) -> nn.Module | None:
    """The module for one of Keras' activation functions; None where torch has no such module."""
    name = getattr(function, "__name__", "")
    if name == "linear":
        return nn.Identity()
    return _BY_NAME[name]() if name in _BY_NAME else None


def activation_layer(layer: Any) -> nn.Module | None:
    """The module for a layer that acts on each number alone; None for any other layer."""
    kind = type(layer).__name__
    if kind in _DROPPED:
        return nn.Identity()
    if kind == "Activation":
        return activation_function(layer.activation)
    if kind == "LeakyReLU":
        return nn.LeakyReLU(float(layer.negative_slope))
    if kind == "ELU":
        return nn.ELU(float(layer.alpha))
    return _relu(layer) if kind == "ReLU" else None


def _relu(layer: Any) -> nn.Module | None:
    limits = (layer.max_value, float(layer.threshold))
    if limits == (None, 0.0):
        return nn.LeakyReLU(float(layer.negative_slope)) if layer.negative_slope else nn.ReLU()
    return nn.ReLU6() if limits == (6.0, 0.0) and not layer.negative_slope else None
