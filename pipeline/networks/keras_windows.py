"""Windows over images and signals: how Keras pads them."""

from collections.abc import Sequence
from typing import Any

from torch import nn

Parts = list[tuple[str, nn.Module]]
"""Modules one after another, with what their names add to the layer's."""
Size = tuple[int, ...]
"""Of one sample, channels last."""

_ZERO_PAD: dict[int, Any] = {1: nn.ZeroPad1d, 2: nn.ZeroPad2d}
_EDGE_PAD: dict[int, Any] = {1: nn.ReplicationPad1d, 2: nn.ReplicationPad2d}


def padding(
    word: str, size: Size, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Before and after each axis; "same" makes ceil(size / stride) outputs, the rest goes after."""
    if word == "valid":
        return [(0, 0) for _ in window]
    axes = zip(size, window, strides, dilation, strict=False)  # size has channels, too
    totals = [max((-(-s // t) - 1) * t + (w - 1) * d + 1 - s, 0) for s, w, t, d in axes]
    return [(total // 2, total - total // 2) for total in totals]


def zero_padded(pairs: Sequence[Sequence[int]]) -> nn.Module:
    """Zeros before and after each axis."""
    return _padded(_ZERO_PAD, pairs)


def edge_padded(pairs: Sequence[Sequence[int]]) -> nn.Module:
    """The outermost values again, before and after each axis."""
    return _padded(_EDGE_PAD, pairs)


def _padded(build: dict[int, Any], pairs: Sequence[Sequence[int]]) -> nn.Module:
    module: nn.Module = build[len(pairs)](tuple(each for pair in reversed(pairs) for each in pair))
    return module
