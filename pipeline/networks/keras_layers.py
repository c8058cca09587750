"""Layers of Keras as layers of torch, weights included.

Keras keeps channels last and convolution kernels as (…window, inputs, outputs); torch keeps
channels first and (outputs, inputs, …window). Sizes below are without the batch, as Keras has them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from taskzip.pipeline.networks import keras_pools as pools
from taskzip.pipeline.networks.keras_windows import Parts, Size, padding, zero_padded

_CONV: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
_NORM: dict[int, Any] = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
"""By the number of axes of a window."""


def convolution(layer: Any, size: Size) -> Parts | None:
    """Conv1D and Conv2D, with groups."""
    kernel = tensor(layer.kernel)
    return _convolution(layer, size, kernel, layer.bias, layer.groups)


def depthwise(layer: Any, size: Size) -> Parts | None:
    """DepthwiseConv1D and DepthwiseConv2D: outputs of one input stand together."""
    return _convolution(layer, size, _per_channel(layer.kernel), layer.bias, size[-1])


def separable(layer: Any, size: Size) -> Parts | None:
    """SeparableConv1D and SeparableConv2D: a depthwise convolution and a pointwise one."""
    first = _convolution(layer, size, _per_channel(layer.depthwise_kernel), None, size[-1])
    if first is None:
        return None
    second = _filled_convolution(tensor(layer.pointwise_kernel), layer.bias, groups=1)
    return [*((f"_depthwise{suffix}", module) for suffix, module in first), ("", second)]


def dense(layer: Any, columns: torch.Tensor | None) -> Parts | None:
    """Dense: a matrix on the last axis, whose columns are read in the order of `columns`."""
    if getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None):
        return None
    kernel = tensor(layer.kernel)
    linear = nn.Linear(kernel.shape[0], kernel.shape[1], bias=layer.bias is not None)
    weight = kernel.T if columns is None else kernel.T[:, columns]
    _fill(linear, weight=weight, bias=layer.bias)
    return [("", linear)]


def layer_norm(layer: Any, _: torch.Tensor | None) -> Parts | None:
    """LayerNormalization of the last axis."""
    if len(layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]) != 1:
        return None
    if getattr(layer, "rms_scaling", False) or not (layer.scale and layer.center):
        return None
    gamma = tensor(layer.gamma)
    norm = nn.LayerNorm(gamma.shape, eps=layer.epsilon)
    _fill(norm, weight=gamma, bias=layer.beta)
    return [("", norm)]


def batch_norm(layer: Any, size: Size) -> Parts | None:
    """BatchNormalization of the channels, by its moving statistics."""
    if layer.axis not in (-1, len(size)) or len(size) - 1 not in _NORM:
        return None
    mean, variance = tensor(layer.moving_mean), tensor(layer.moving_variance)
    norm = _NORM[len(size) - 1](size[-1], eps=layer.epsilon, momentum=1 - layer.momentum)
    gamma = layer.gamma if layer.scale else torch.ones_like(mean)
    beta = layer.beta if layer.center else torch.zeros_like(mean)
    _fill(norm, weight=gamma, bias=beta, running_mean=mean, running_var=variance)
    return [("", norm)]


def tensor(variable: Any) -> torch.Tensor:
    """A copy of a Keras variable's value."""
    value: torch.Tensor = getattr(variable, "value", variable)
    return value.detach().clone().cpu()


def _convolution(
    layer: Any, size: Size, kernel: torch.Tensor, bias: Any, groups: int
) -> Parts | None:
    window = kernel.shape[:-2]
    if layer.padding not in ("same", "valid") or len(window) not in _CONV:
        return None
    strides, dilation = layer.strides, layer.dilation_rate
    pairs = padding(layer.padding, size, window, strides, dilation)
    same_sides = all(before == after for before, after in pairs)
    both_sides = tuple(before for before, _ in pairs) if same_sides else 0
    geometry = {"stride": strides, "dilation": dilation, "padding": both_sides}
    module = _filled_convolution(kernel, bias, groups, **geometry)
    return [("", module)] if same_sides else [("_pad", zero_padded(pairs)), ("", module)]


def _filled_convolution(kernel: torch.Tensor, bias: Any, groups: int, **geometry: Any) -> nn.Module:
    *window, inputs, outputs = kernel.shape
    build = _CONV[len(window)]
    module: nn.Module = build(
        inputs * groups, outputs, tuple(window), groups=groups, bias=bias is not None, **geometry
    )
    axes = (kernel.dim() - 1, kernel.dim() - 2, *range(kernel.dim() - 2))
    _fill(module, weight=kernel.permute(axes), bias=bias)
    return module


def _per_channel(variable: Any) -> torch.Tensor:
    """(…window, channels, multiplier) → (…window, 1, channels · multiplier)."""
    kernel = tensor(variable)
    return kernel.reshape(*kernel.shape[:-2], 1, -1)


def _fill(module: nn.Module, **values: Any) -> None:
    for name, value in values.items():
        if value is not None:
            getattr(module, name).data = tensor(value).contiguous()


SPATIAL: dict[str, Callable[[Any, Size], Parts | None]] = {
    **dict.fromkeys(("Conv1D", "Conv2D"), convolution),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), separable),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), pools.max_pool),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), pools.average_pool),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), pools.global_max_pool),
    **dict.fromkeys(
        ("GlobalAveragePooling1D", "GlobalAveragePooling2D"), pools.global_average_pool
    ),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), pools.zero_padding),
    "BatchNormalization": batch_norm,
}
"""Layers of images and signals by Keras' names; None where torch has no such layer."""
LAST_AXIS: dict[str, Callable[[Any, torch.Tensor | None], Parts | None]] = {
    "Dense": dense,
    "LayerNormalization": layer_norm,
}
"""Layers of the last axis."""
