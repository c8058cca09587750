"""Weighted layers: convolutions of one or two dimensions, in groups or not, and linear layers.

Letters: N outputs and C inputs of a layer (channels or features), k elements of the kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import skip_init

from taskzip.contracts.document import Document

Sizes = tuple[int, ...]
_CONVOLUTIONS: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d}
DIMENSIONS = tuple(_CONVOLUTIONS)


class Geometry(Document):
    """How a convolution moves over its input, a number per dimension; `padding` is of zeros."""

    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes

    @property
    def span(self) -> Sizes:
        """The reach of the kernel."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))

    def describe(self) -> str:
        """All four for messages."""
        return (
            f"kernel {_times(self.kernel)}, stride {_times(self.stride)}, "
            f"padding {_times(self.padding)}, dilation {_times(self.dilation)}"
        )


@dataclass(frozen=True)
class Layer:
    """A convolution (`geometry` set) or a linear layer."""

    name: str
    weight: torch.Tensor
    """(N, C, k…) with the C inputs of one group, or (N, features)."""
    bias: torch.Tensor | None
    geometry: Geometry | None = None
    groups: int = 1
    """Of a convolution; each output reads the inputs of its own group."""
    normalized: bool = False
    """Whether a batch norm was folded in."""
    parts: int = 1
    """How many times its outputs write the same channels: queries, keys and values."""
    columns: int = 1
    """Outputs next to each other for each channel: the multiplier of a depthwise convolution."""

    @property
    def channels(self) -> int:
        """How many channels it writes, once or more."""
        return self.outputs // self.per_channel

    @property
    def per_channel(self) -> int:
        """Outputs for each channel."""
        return self.parts * self.columns

    @property
    def is_grouped(self) -> bool:
        """Whether outputs read a group of the inputs, not all."""
        return self.groups > 1

    @property
    def is_depthwise(self) -> bool:
        """Whether each output reads one channel."""
        return self.is_grouped and self.weight.shape[1] == 1

    @property
    def inputs(self) -> int:
        """Features that it reads: channels of a convolution."""
        return self.weight.shape[1] * self.groups

    @property
    def outputs(self) -> int:
        """N."""
        return self.weight.shape[0]

    @property
    def row_size(self) -> int:
        """P: how many weights an output has, the bias counted."""
        return self.weight[0].numel() + 1

    @property
    def axis(self) -> int:
        """The axis of channels in its input and output."""
        return -1 if self.geometry is None else 1

    @property
    def matrix(self) -> torch.Tensor:
        """(N, P) weights with the bias last, 0 without one; P counts the bias."""
        bias = self.weight.new_zeros(self.outputs) if self.bias is None else self.bias
        return torch.cat([self.weight.flatten(1), bias[:, None]], dim=1)

    def empty_module(self) -> nn.Module:
        """A module of the layer's kind and sizes, to be filled."""
        has_bias = self.bias is not None
        return new_layer(self.geometry, self.inputs, self.outputs, has_bias, self.groups)

    def module(self) -> nn.Module:
        """The layer as a module of its own, with copies of its weights."""
        module = self.empty_module()
        values = {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})
        module.load_state_dict(values)
        return module

    def describe(self) -> str:
        """Kind, widths and geometry for messages."""
        if self.geometry is None:
            return f"Linear({self.inputs} → {self.outputs})"
        kind = f"Conv{len(self.geometry.kernel)}d"
        if self.groups == self.outputs:
            return f"depthwise {kind}({self.outputs}, {self.geometry.describe()})"
        groups = f"{self.groups} groups, " if self.is_grouped else ""
        return f"{kind}({self.inputs} → {self.outputs}, {groups}{self.geometry.describe()})"


def new_layer(
    geometry: Geometry | None, inputs: int, outputs: int, bias: bool, groups: int = 1
) -> nn.Module:
    """A layer to be filled: what is in it is not defined."""
    if geometry is None:
        return skip_init(nn.Linear, inputs, outputs, bias=bias)
    return skip_init(
        _CONVOLUTIONS[len(geometry.kernel)],
        inputs,
        outputs,
        geometry.kernel,
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        groups=groups,
        bias=bias,
    )


def _times(sizes: Sizes) -> str:
    return "×".join(str(each) for each in sizes)
