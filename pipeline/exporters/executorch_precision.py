"""Networks in less than fp32 for ExecuTorch: rounded in torch, which then knows their answers.

fp16 is the network itself in half precision; int8 is PT2E with XNNPACK's quantizer. A weight's
scales come from that weight alone, one for each channel that it writes: what tasks share stays
equal in all of them.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from taskzip.contracts.names import Precision
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.frameworks import cannot_lower, contained_warnings
from taskzip.pipeline.exporters.own_copies import own_copies

_CONV2D = torch.ops.aten.conv2d.default
_CONV2D_DIMENSIONS = 4


class _Half(nn.Module):
    """The network in fp16; its inputs and outputs stay float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()
        self.training = False

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As the network, but its outputs always as a tuple."""
        outputs = self.network(*(each.half() for each in inputs))
        if isinstance(outputs, torch.Tensor):
            outputs = (outputs,)
        return tuple(each.float() for each in outputs)


def rounded(entries: Sequence[EntryPoint], precision: Precision) -> tuple[EntryPoint, ...]:
    """The entries in that precision; BadInput names those that cannot be."""
    with contained_warnings(), torch.no_grad():
        try:
            return tuple(
                dataclasses.replace(entry, module=_rounded(entry, precision))
                for entry in own_copies(entries)
            )
        except Exception as error:
            raise cannot_lower("executorch", [e.name for e in entries], error, precision) from error


def _rounded(entry: EntryPoint, precision: Precision) -> nn.Module:
    if precision == "fp16":
        module: nn.Module = _Half(entry.module)
        module(*entry.inputs)  # a constant of the graph that is fp32 by name fails here
        return module
    return _quantized(entry, is_dynamic=precision == "int8-dynamic")


def _quantized(entry: EntryPoint, is_dynamic: bool) -> nn.Module:
    from torchao.quantization.pt2e.quantize_pt2e import (  # noqa: PLC0415  # slow to import
        convert_pt2e,
        prepare_pt2e,
    )

    traced = torch.export.export(entry.module, entry.inputs, strict=False).module()
    observed = prepare_pt2e(traced, _quantizer(is_dynamic))
    for inputs in _calibration(entry):
        observed(*inputs)
    module: nn.Module = convert_pt2e(observed)
    return module


def _calibration(entry: EntryPoint) -> Iterator[tuple[torch.Tensor, ...]]:
    yield entry.inputs
    yield from zip(*(each.split(1) for each in entry.calibration), strict=True)


def _quantizer(is_dynamic: bool) -> Any:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (  # noqa: PLC0415  # slow
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )

    config = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=is_dynamic)

    class Quantizer(XNNPACKQuantizer):
        """XNNPACK's, which passes over dynamic convolutions that a ReLU follows."""

        def annotate(self, model: torch.fx.GraphModule) -> torch.fx.GraphModule:
            if is_dynamic:
                _annotate_convolutions(model, config)
            return super().annotate(model)

    return Quantizer().set_global(config)


def _annotate_convolutions(model: torch.fx.GraphModule, config: Any) -> None:
    """All that XNNPACK computes with dynamic int8: two-dimensional ones, not depthwise."""
    from torchao.quantization.pt2e.quantizer import (  # noqa: PLC0415  # slow to import
        QuantizationAnnotation,
    )
    from torchao.quantization.pt2e.quantizer.quantizer import (  # noqa: PLC0415  # slow to import
        Q_ANNOTATION_KEY,
    )

    for node in model.graph.nodes:
        if node.target is not _CONV2D:
            continue
        x, weight = node.args[:2]
        shape = weight.meta["val"].shape
        if len(shape) == _CONV2D_DIMENSIONS and shape[1] > 1:
            inputs = {x: config.input_activation, weight: config.weight}
            node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
                input_qspec_map=inputs, _annotated=True
            )
