"""Networks in less than fp32 for ExecuTorch: rounded in torch, which then knows their answers.

fp16 is the network itself in half precision; int8 is PT2E with XNNPACK's quantizer. A weight's
scales come from that weight alone, one for each channel that it writes: what tasks share stays
equal in all of them. Where weights are put together of parts, it is the parts that are rounded.
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
from taskzip.pipeline.exporters.rounded_recipes import in_half
from taskzip.pipeline.exporters.weight_scales import rounded_together

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
            copies = own_copies(entries)
            if precision == "fp16":
                return tuple(_halved(entry) for entry in copies)
            return _quantized(copies, is_dynamic=precision == "int8-dynamic")
        except Exception as error:
            raise cannot_lower("executorch", [e.name for e in entries], error, precision) from error


def _halved(entry: EntryPoint) -> EntryPoint:
    recipes = {name: in_half(recipe) for name, recipe in entry.recipes.items()}
    module = _Half(entry.module)
    for name, recipe in recipes.items():
        module.network.get_parameter(name).copy_(recipe.weights())
    module(*entry.inputs)  # a constant of the graph that is fp32 by name fails here
    return dataclasses.replace(entry, module=module, recipes=recipes)


def _quantized(entries: Sequence[EntryPoint], is_dynamic: bool) -> tuple[EntryPoint, ...]:
    from torchao.quantization.pt2e.quantize_pt2e import (  # noqa: PLC0415  # slow to import
        convert_pt2e,
    )

    observed = [_observed(entry, is_dynamic) for entry in entries]
    recipes = rounded_together([entry.recipes for entry in entries], observed)
    return tuple(
        dataclasses.replace(entry, module=convert_pt2e(module), recipes=own)
        for entry, module, own in zip(entries, observed, recipes, strict=True)
    )


def _observed(entry: EntryPoint, is_dynamic: bool) -> torch.fx.GraphModule:
    """The network with observers that have seen the calibration data."""
    from torchao.quantization.pt2e.quantize_pt2e import (  # noqa: PLC0415  # slow to import
        prepare_pt2e,
    )

    traced = torch.export.export(entry.module, entry.inputs, strict=False).module()
    module: torch.fx.GraphModule = prepare_pt2e(traced, _quantizer(is_dynamic))
    for inputs in _calibration(entry):
        module(*inputs)
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
