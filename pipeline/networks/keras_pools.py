"""Pooling layers of Keras, and padding, as layers of torch."""

from typing import Any

from torch import nn

from taskzip.pipeline.networks.keras_windows import Parts, Size, edge_padded, padding, zero_padded

_MAX: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
_AVERAGE: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d}
_GLOBAL_MAX: dict[int, Any] = {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d}
_GLOBAL_AVERAGE: dict[int, Any] = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}
"""By the number of axes of a window."""


def max_pool(layer: Any, size: Size) -> Parts | None:
    """MaxPooling1D and MaxPooling2D."""
    return _pool(layer, size, _MAX, {})


def average_pool(layer: Any, size: Size) -> Parts | None:
    """AveragePooling1D and AveragePooling2D: what was padded does not count."""
    return _pool(layer, size, _AVERAGE, {"count_include_pad": False})


def global_max_pool(layer: Any, size: Size) -> Parts | None:
    """GlobalMaxPooling1D and GlobalMaxPooling2D."""
    return _global_pool(layer, size, _GLOBAL_MAX)


def global_average_pool(layer: Any, size: Size) -> Parts | None:
    """GlobalAveragePooling1D and GlobalAveragePooling2D."""
    return _global_pool(layer, size, _GLOBAL_AVERAGE)


def zero_padding(layer: Any, size: Size) -> Parts | None:
    """ZeroPadding1D and ZeroPadding2D."""
    pairs = [layer.padding] if len(size) == 2 else layer.padding  # noqa: PLR2004  # steps, channels
    return [("", zero_padded(pairs))]


def _pool(layer: Any, size: Size, build: dict[int, Any], options: dict[str, Any]) -> Parts | None:
    window, strides = layer.pool_size, layer.strides
    if len(window) not in build:
        return None
    pairs = padding(layer.padding, size, window, strides, (1,) * len(window))
    same_sides = all(before == after for before, after in pairs)
    both_sides = tuple(before for before, _ in pairs) if same_sides else 0
    module = build[len(window)](tuple(window), tuple(strides), both_sides, **options)
    if same_sides:
        return [("", module)]
    return [("_pad", edge_padded(pairs)), ("", module)]  # as Keras does on torch


def _global_pool(layer: Any, size: Size, build: dict[int, Any]) -> Parts | None:
    if layer.keepdims or len(size) - 1 not in build:
        return None
    return [("", build[len(size) - 1](1)), ("_flatten", nn.Flatten())]
