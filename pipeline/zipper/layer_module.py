"""One layer of the joint network as modules, for each task; what is shared is one object.

A layer that every task shares fully is the plain convolution or linear layer itself. A task may
add entries of its own to what is stored once; else a layer is made of blocks.
"""

from dataclasses import dataclass

from torch import nn

from taskzip.pipeline.graph.layer import new_layer
from taskzip.pipeline.zipper.blocks import BlockLayer, GroupedBlocks
from taskzip.pipeline.zipper.layer_spec import LayerSpec
from taskzip.pipeline.zipper.sparse_layer import SummedLayer


@dataclass(frozen=True)
class JointLayer:
    """One layer of all tasks; `shared` is the block that they hold together, if any."""

    shared: nn.Module | None
    tasks: dict[str, nn.Module]


def build_layer(specs: dict[str, LayerSpec]) -> JointLayer:
    """The layer of every task, not initialised."""
    first = next(iter(specs.values()))
    shared = None
    if first.shares:
        groups = first.shared_groups if first.is_grouped else 1
        inputs = groups * (first.inputs // first.groups) if first.is_grouped else first.width
        shared = new_layer(first.geometry, inputs, first.shared, first.shared_bias, groups)
    return JointLayer(shared, {task: _task_module(spec, shared) for task, spec in specs.items()})


def _task_module(spec: LayerSpec, shared: nn.Module | None) -> nn.Module:
    if shared is None:
        outputs = spec.shared + spec.own
        return new_layer(spec.geometry, spec.inputs, outputs, spec.bias, spec.groups)
    held = SummedLayer(shared, spec.added) if spec.added else shared
    if spec.is_plain:
        return held
    return GroupedBlocks(spec, held) if spec.is_grouped else BlockLayer(spec, held)
