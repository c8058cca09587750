"""A step's plan made real: the joint layer of all tasks, filled with their weights.

Letters: N outputs, P inputs of an output in the joint network's order, the bias's constant last.
"""

from dataclasses import dataclass, field

import torch
from torch import nn

from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.zipper.blocks import Affine, BlockLayer, GroupedBlocks
from taskzip.pipeline.zipper.layer_module import JointLayer, build_layer
from taskzip.pipeline.zipper.layer_spec import LayerSpec, Range
from taskzip.pipeline.zipper.order import Inputs, Order
from taskzip.pipeline.zipper.sparse_layer import SummedLayer


@dataclass(frozen=True)
class TaskLayer:
    """One task's part of a layer, its weights turned to what the joint network gives it."""

    layer: Layer
    inputs: Inputs
    weights: torch.Tensor
    """(N, P), float64 or, of large layers, float32; rows in the original order. Of a layer in
    groups P is its group's."""
    has_bias: bool
    """Whether the last column means anything."""

    @property
    def shared_columns(self) -> torch.Tensor:
        """(P,) bool: which columns belong to shared inputs; the bias's constant is shared."""
        if self.layer.is_grouped:
            return torch.ones(self.weights.shape[1], dtype=torch.bool)
        spread = self.inputs.is_shared.repeat_interleave(self.kernel)
        return torch.cat([spread, torch.ones(1, dtype=torch.bool)])

    @property
    def kernel(self) -> int:
        """Weights of one output for one input feature."""
        return self.layer.weight[0, 0].numel()


@dataclass(frozen=True)
class Merged:
    """The shared rows of a step: (S, shared P), and each task's scale and shift (S,) if any."""

    vectors: torch.Tensor
    affines: dict[str, tuple[torch.Tensor, torch.Tensor]]
    added: dict[str, torch.Tensor] = field(default_factory=dict)
    """What each task adds to the rows, (S, shared P), 0 but for a few entries."""


def task_spec(
    part: TaskLayer, order: Order, shared_bias: bool, affine: bool, added: int = 0
) -> LayerSpec:
    """What the layer of one task looks like."""
    return LayerSpec(
        name=part.layer.name,
        geometry=part.layer.geometry,
        groups=part.layer.groups,
        inputs=part.layer.inputs,
        shared_inputs=() if part.layer.is_grouped else _ranges(part.inputs),
        shared=order.shared,
        own=order.own,
        parts=part.layer.parts,
        bias=part.has_bias,
        shared_bias=shared_bias,
        affine=affine,
        added=added,
    )


def private_layer(part: TaskLayer, order: Order) -> tuple[LayerSpec, nn.Module]:
    """A layer that shares nothing, its outputs in the joint order of their channels."""
    order = Order(0, order.order, order.scales).rows(part.layer.parts, part.layer.columns)
    spec = task_spec(part, order, False, False)
    spec = spec.model_copy(update={"shared_inputs": ()})
    module = build_layer({"": spec}).tasks[""]
    scales = order.scales[:, None].to(part.weights.dtype)
    _fill(module, part.weights[order.order] * scales)
    return spec, module


def apply(
    parts: dict[str, TaskLayer], orders: dict[str, Order], merged: Merged
) -> tuple[dict[str, LayerSpec], JointLayer]:
    """The joint layer; row g of `merged` replaces the g-th shared output of every task.

    Weights that are not merged pass through float64 unchanged to the bit.
    """
    shared_bias = any(each.has_bias for each in parts.values()) or bool(merged.affines)
    entries = {name: _entries(each, shared_bias) for name, each in merged.added.items()}
    specs = {
        name: task_spec(
            part, orders[name], shared_bias, name in merged.affines, _count(entries.get(name))
        )
        for name, part in parts.items()
    }
    layer = build_layer(specs)
    if layer.shared is not None:
        _fill(layer.shared, merged.vectors)
    for name, part in parts.items():
        _fill_task(layer.tasks[name], part, orders[name], merged.affines.get(name))
        _fill_entries(layer.tasks[name], entries.get(name))
    return specs, layer


def _entries(added: torch.Tensor, bias: bool) -> torch.Tensor:
    """(numbers of the shared layer,) its weights row by row, then its biases if it has any."""
    weights = added[:, :-1].flatten()
    return torch.cat([weights, added[:, -1]]) if bias else weights


def _count(entries: torch.Tensor | None) -> int:
    return 0 if entries is None else int(entries.count_nonzero())


def _fill_entries(module: nn.Module, entries: torch.Tensor | None) -> None:
    for each in module.modules():
        if isinstance(each, SummedLayer) and entries is not None:
            places = entries.nonzero().flatten()
            each.added.fill(places, entries[places])


def _ranges(inputs: Inputs) -> tuple[Range, ...]:
    found, start = [], 0
    for order, columns in inputs.segments:
        if order.shared:
            found.append(Range(start=start, stop=start + order.shared * columns))
        start += len(order.order) * columns
    return tuple(found)


def _fill_task(
    module: nn.Module,
    part: TaskLayer,
    order: Order,
    affine: tuple[torch.Tensor, torch.Tensor] | None,
) -> None:
    if not isinstance(module, (BlockLayer, GroupedBlocks)):
        return
    groups, own = order.order[: order.shared], order.order[order.shared :]
    if module.own is not None:
        _fill(module.own, part.weights[own])
    if isinstance(module, BlockLayer) and module.from_own is not None:
        _fill(module.from_own, part.weights[groups][:, ~part.shared_columns], has_bias=False)
    if module.affine is not None and affine is not None:
        _fill_affine(module.affine, *affine)


@torch.no_grad()
def _fill_affine(affine: Affine, scale: torch.Tensor, shift: torch.Tensor) -> None:
    affine.scale.copy_(scale.reshape(affine.scale.shape))
    affine.shift.copy_(shift.reshape(affine.shift.shape))


@torch.no_grad()
def _fill(module: nn.Module, weights: torch.Tensor, has_bias: bool = True) -> None:
    """Set a plain layer to `weights` (N, P); a last column without a bias to take it is dropped."""
    parameters = dict(module.named_parameters())
    kernel = weights[:, :-1] if has_bias else weights
    parameters["weight"].copy_(kernel.reshape(parameters["weight"].shape))
    if "bias" in parameters:
        parameters["bias"].copy_(weights[:, -1])
