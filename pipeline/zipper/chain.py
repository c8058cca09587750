"""A traced network as data: a chain of weighted layers with weightless operations between.

Letters: n batch, N outputs and C inputs of a layer (channels or features), k kernel.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from taskzip.contracts.document import Document

Pair = tuple[int, int]
OpKind = Literal[
    "relu", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "flatten"
]
OptionValue = bool | int | tuple[int | None, int | None] | None

_MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "max_pool": nn.MaxPool2d,
    "avg_pool": nn.AvgPool2d,
    "adaptive_avg_pool": nn.AdaptiveAvgPool2d,
    "adaptive_max_pool": nn.AdaptiveMaxPool2d,
    "flatten": nn.Flatten,
}


class Op(Document):
    """An operation without weights; all of them act on each channel alone and commute with
    positive scales, so channels may be permuted and rescaled across them.
    """

    op: OpKind
    options: dict[str, OptionValue] = Field(default_factory=dict)

    def module(self) -> nn.Module:
        """The operation as a module."""
        return _MODULES[self.op](**self.options)

    def describe(self) -> str:
        """Its name and options for messages."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.op}({options})"


class Geometry(Document):
    """How a convolution moves over its input, rows first; `padding` is of zeros."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def describe(self) -> str:
        """All four for messages."""
        return (
            f"kernel {_times(self.kernel)}, stride {_times(self.stride)}, "
            f"padding {_times(self.padding)}, dilation {_times(self.dilation)}"
        )


@dataclass(frozen=True)
class Layer:
    """A convolution (`geometry` set) or a linear layer, and the operations that follow it."""

    name: str
    weight: torch.Tensor
    """(N, C, k, k) or (N, features)."""
    bias: torch.Tensor | None
    geometry: Geometry | None
    inputs: int
    """C: channels that come in, before flattening if the layer is linear."""
    ops: tuple[Op, ...] = ()

    @property
    def outputs(self) -> int:
        """N: output channels."""
        return self.weight.shape[0]

    @property
    def columns(self) -> int:
        """Weights of one output for one input channel: the kernel, or the flattened positions."""
        return self.weight[0].numel() // self.inputs

    def module(self) -> nn.Module:
        """The layer as a module of its own, with copies of its weights."""
        has_bias = self.bias is not None
        module = new_layer(self.geometry, self.weight.shape[1], self.outputs, has_bias)
        values = {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})
        module.load_state_dict(values)
        return module

    def describe(self) -> str:
        """Kind, widths and geometry for messages."""
        if self.geometry is not None:
            return f"Conv2d({self.inputs} → {self.outputs}, {self.geometry.describe()})"
        spread = f", {self.columns} positions each" if self.columns > 1 else ""
        return f"Linear({self.inputs}{spread} → {self.outputs})"


@dataclass(frozen=True)
class Chain:
    """A whole network: `lead` operations, then the layers; the last one is the task's head."""

    lead: tuple[Op, ...]
    layers: tuple[Layer, ...]

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """All layers but the head."""
        return self.layers[:-1]


def new_layer(geometry: Geometry | None, inputs: int, outputs: int, bias: bool) -> nn.Module:
    """A Conv2d, or without geometry a Linear, to be filled; torch's random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        if geometry is None:
            return nn.Linear(inputs, outputs, bias=bias)
        return nn.Conv2d(
            inputs,
            outputs,
            geometry.kernel,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            bias=bias,
        )


def _times(pair: Pair) -> str:
    return f"{pair[0]}×{pair[1]}"
