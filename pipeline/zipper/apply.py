"""A layer's plan made real: the joint layer of all tasks, filled with their weights.

Letters: N outputs, C input channels, P = C · columns + 1 inputs with the bias's constant.
"""

from dataclasses import dataclass

import torch
from torch import nn

from taskzip.pipeline.zipper.chain import Layer
from taskzip.pipeline.zipper.layer_module import (
    BlockLayer,
    JointLayer,
    LayerSpec,
    Split,
    build_layer,
)
from taskzip.pipeline.zipper.plan import LayerPlan


@dataclass(frozen=True)
class TaskLayer:
    """One task's part: its inputs in the joint network's order, and its weights for them."""

    layer: Layer
    inputs: Split
    weights: torch.Tensor
    """(N, P) float64: shared inputs, own inputs, bias; rows in the original order."""
    has_bias: bool
    """Whether the last column means anything."""


def apply(
    tasks: dict[str, TaskLayer], plan: LayerPlan, merged: torch.Tensor
) -> tuple[dict[str, LayerSpec], JointLayer]:
    """The joint layer: row g of `merged` (S, shared inputs + 1) replaces the plan's group g.

    Unmerged weights pass through float64 unchanged to the bit.
    """
    specs = {name: _spec(task, tasks, plan.shared) for name, task in tasks.items()}
    layer = build_layer(specs)
    for name, task in tasks.items():
        _fill_task(layer, specs[name], name, plan, task.weights)
    if layer.shared is not None:
        _fill(layer.shared, merged)
    return specs, layer


def shared_columns(inputs: Split, columns: int) -> torch.Tensor:
    """Which of P columns belong to shared inputs; the bias's constant is shared."""
    last = inputs.total * columns
    return torch.cat([torch.arange(inputs.shared * columns), torch.tensor([last])])


def _spec(task: TaskLayer, tasks: dict[str, TaskLayer], shared: int) -> LayerSpec:
    layer = task.layer
    return LayerSpec(
        name=layer.name,
        geometry=layer.geometry,
        columns=layer.columns,
        inputs=task.inputs,
        outputs=Split(shared=shared, own=layer.outputs - shared),
        shared_bias=any(each.has_bias for each in tasks.values()),
        own_bias=task.has_bias,
    )


def _fill_task(
    layer: JointLayer, spec: LayerSpec, name: str, plan: LayerPlan, weights: torch.Tensor
) -> None:
    module = layer.tasks[name]
    if layer.shared is None:
        _fill(module, weights)
    elif isinstance(module, BlockLayer):
        first_own = spec.inputs.shared * spec.columns
        if module.from_own is not None:
            _fill(module.from_own, weights[list(plan.groups[name]), first_own:])
        if module.own is not None:
            _fill(module.own, weights[list(plan.own(name))])


@torch.no_grad()
def _fill(module: nn.Module, weights: torch.Tensor) -> None:
    """Set a plain layer to `weights` (N, P); the last column is dropped where it has no bias."""
    parameters = dict(module.named_parameters())
    parameters["weight"].copy_(weights[:, :-1].reshape(parameters["weight"].shape))
    if "bias" in parameters:
        parameters["bias"].copy_(weights[:, -1])
