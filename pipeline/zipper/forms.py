"""Layers that tasks share in part, each in a form that a runtime's file can hold.

blocked: shared and own weights are layers of their own, which each inference runs and adds up.
assembled: an ordinary layer, whose weights a recipe puts together when the task is loaded.
whole: an ordinary layer, whose weights are stored put together; it shares nothing in the file.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from taskzip.contracts.names import LayerForm
from taskzip.pipeline.recipe import Recipe
from taskzip.pipeline.zipper.blocks import BlockLayer, GroupedBlocks, plain
from taskzip.pipeline.zipper.joint import JointNetwork, TaskNetwork
from taskzip.pipeline.zipper.layer_spec import LayerSpec
from taskzip.pipeline.zipper.recipes import PartlyShared, has_entries, recipe_of
from taskzip.pipeline.zipper.sparse_layer import SummedLayer, without_entries


@dataclass(frozen=True)
class PartlySharedLayer:
    """One of a task; all that hold the same shared block have one `name`."""

    name: str
    """Of the layer in the first of these tasks."""
    task: str
    node: str
    spec: LayerSpec
    module: PartlyShared

    @property
    def outputs(self) -> int:
        """How many channels or features it writes."""
        return self.spec.shared + self.spec.own

    @property
    def has_entries(self) -> bool:
        """Whether the task adds entries to what is stored once: no blocks say that."""
        return has_entries(self.module)


@dataclass(frozen=True)
class FormedNetwork:
    """A task's network with every layer in its form."""

    network: nn.Module
    recipes: dict[str, Recipe]
    """By the parameter's name."""


def partly_shared_layers(joint: JointNetwork) -> Iterator[PartlySharedLayer]:
    """Of all tasks, in their order."""
    names: dict[int | None, str] = {}
    for task, spec in joint.spec.tasks.items():
        network = cast(TaskNetwork, joint.task(task))
        for node, placed in spec.layers.items():
            module = network.layer(node)
            if isinstance(module, (BlockLayer, GroupedBlocks, SummedLayer)):
                name = names.setdefault(placed.block, placed.spec.name)
                yield PartlySharedLayer(name, task, node, placed.spec, module)


def in_forms(joint: JointNetwork, forms: Mapping[str, LayerForm]) -> dict[str, FormedNetwork]:
    """Each task's network with layers in the forms that `forms` says by name.

    Modules of other layers are the joint network's own: what they share stays shared.
    """
    layers = list(partly_shared_layers(joint))
    return {
        task: _formed(
            cast(TaskNetwork, joint.task(task)),
            {each.node: (each.module, forms[each.name]) for each in layers if each.task == task},
        )
        for task in joint.names
    }


def _formed(
    network: TaskNetwork, layers: Mapping[str, tuple[PartlyShared, LayerForm]]
) -> FormedNetwork:
    if not layers:
        return FormedNetwork(network, {})
    changed, recipes = copy.copy(network), {}
    changed._modules = {**network._modules, "layers": nn.ModuleDict(dict(network.layers.items()))}
    for node, (module, form) in layers.items():
        key = network.key(node)
        if form == "assembled":
            changed.layers[key], recipe = _assembled(module)
            recipes[f"layers.{key}.weight"] = recipe
        else:
            changed.layers[key] = without_entries(module) if form == "blocked" else plain(module)
    return FormedNetwork(changed, recipes)


@torch.no_grad()
def _assembled(module: PartlyShared) -> tuple[nn.Module, Recipe]:
    layer, recipe = plain(module), recipe_of(module)
    layer.weight.copy_(recipe.weights())  # to the bit: files name weights by their content
    return layer, recipe
