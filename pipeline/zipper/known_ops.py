"""Which modules, functions and methods are weightless operations, and what they mean."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from taskzip.pipeline.zipper.chain import Op, OpKind


class NotKnown(Exception):
    """The operation, or its use, has no meaning in a chain; the text says why, if it can."""


def _relu(inplace: bool = False) -> Op:
    return Op(op="relu")


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _dropout(p: float = 0.5, training: bool = True, inplace: bool = False) -> None:
    if training and p > 0:
        raise NotKnown("dropout that stays active in eval mode; pass training=self.training")


def _torch_dropout(p: float, train: bool) -> None:
    _dropout(p, train)


def _max_pool(  # noqa: PLR0913, PLR0917  # the signature of torch's own function
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Op:
    if return_indices:
        raise NotKnown("return_indices=True gives a second result")
    options = {
        "kernel_size": _pair(kernel_size),
        "stride": _pair(kernel_size if stride is None else stride),
        "padding": _pair(padding),
        "dilation": _pair(dilation),
        "ceil_mode": ceil_mode,
    }
    return Op(op="max_pool", options=options)


def _avg_pool(  # noqa: PLR0913, PLR0917  # the signature of torch's own function
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Op:
    options = {
        "kernel_size": _pair(kernel_size),
        "stride": _pair(kernel_size if stride is None else stride),
        "padding": _pair(padding),
        "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad,
        "divisor_override": divisor_override,
    }
    return Op(op="avg_pool", options=options)


def _adaptive(kind: OpKind) -> Callable[..., Op]:
    def build(output_size: Any, return_indices: bool = False) -> Op:
        if return_indices:
            raise NotKnown("return_indices=True gives a second result")
        return Op(op=kind, options={"output_size": _pair(output_size)})

    return build


_adaptive_avg = _adaptive("adaptive_avg_pool")
_adaptive_max = _adaptive("adaptive_max_pool")


def _pair(value: Any) -> tuple[int | None, int | None]:
    first, second = value if isinstance(value, (tuple, list)) else (value, value)
    return first, second


MODULES: dict[type[nn.Module], Callable[[Any], Op | None]] = {
    nn.ReLU: lambda _: _relu(),
    nn.Identity: _nothing,
    nn.Dropout: _nothing,
    nn.Dropout2d: _nothing,
    nn.MaxPool2d: lambda m: _max_pool(
        m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices
    ),
    nn.AvgPool2d: lambda m: _avg_pool(
        m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
    ),
    nn.AdaptiveAvgPool2d: lambda m: _adaptive_avg(m.output_size),
    nn.AdaptiveMaxPool2d: lambda m: _adaptive_max(m.output_size, m.return_indices),
}

FUNCTIONS: dict[Any, Callable[..., Op | None]] = {
    functional.relu: _relu,
    functional.relu_: _relu,
    torch.relu: _relu,
    torch.relu_: _relu,
    functional.dropout: _dropout,
    functional.dropout2d: _dropout,
    torch.dropout: _torch_dropout,
    functional.max_pool2d: _max_pool,
    torch.max_pool2d: _max_pool,
    functional.avg_pool2d: _avg_pool,
    functional.adaptive_avg_pool2d: _adaptive_avg,
    functional.adaptive_max_pool2d: _adaptive_max,
}

METHODS: dict[str, Callable[..., Op | None]] = {
    "relu": _relu,
    "relu_": _relu,
    "contiguous": _nothing,
}
