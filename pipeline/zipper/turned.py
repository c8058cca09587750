"""A layer's original weights, brought to where its inputs lie now.

Letters: N outputs, P inputs of an output with the bias's constant 1 last, k elements of the kernel.
"""

import torch

from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.zipper.gram import slices
from taskzip.pipeline.zipper.order import Inputs, Order

WIDE_BYTES = 256 << 20
"""Weights that take more in float64 stay float32; what is computed from them is summed in float64
all the same."""
ROWS_AT_ONCE = 256


def turned(layer: Layer, inputs: Inputs) -> torch.Tensor:
    """(N, P): the original weights for inputs as they lie now; no bias is 0.

    float64, or float32 from WIDE_BYTES on. In groups: each row for the inputs of its group.
    """
    if layer.is_grouped:
        return layer.matrix.double()
    weight = layer.weight.flatten(1)
    moved = torch.empty(layer.outputs, weight.shape[1] + 1, dtype=_dtype(weight))
    start, kernel = 0, layer.weight[0, 0].numel()
    for order, columns in inputs.segments:
        segment = slice(start, start + len(order.order) * columns * kernel)
        for rows in slices(layer.outputs, ROWS_AT_ONCE):
            moved[rows, segment] = _ordered(weight[rows, segment].to(moved.dtype), order)
        start = segment.stop
    moved[:, -1] = 0 if layer.bias is None else layer.bias
    return moved


def _ordered(weight: torch.Tensor, order: Order) -> torch.Tensor:
    """Columns in the order of their channels, each divided by how often its original that is."""
    by_channel = weight.unflatten(1, (len(order.order), -1))[:, order.order]
    return by_channel.div_(order.scales[:, None].to(weight.dtype)).flatten(1)


def _dtype(weight: torch.Tensor) -> torch.dtype:
    return torch.float64 if 8 * weight.numel() <= WIDE_BYTES else torch.float32
