"""Constants that the runner puts together: their blocks and recipes go into the .pte, they do not.

XNNPACK's delegate asks for a constant by the sha256 of its content, so a recipe finds its constant
by putting it together here, in each of the orders in which the delegate keeps weights.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from taskzip.contracts.errors import BadInput
from taskzip.contracts.recipes import (
    BLOCK,
    RECIPES,
    AddStep,
    CopyStep,
    Recipes,
    ScaleStep,
    WeightRecipe,
)
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.tensors import raw_bytes
from taskzip.pipeline.recipe import Add, Copy, Recipe, Scale, Step

OUTSIDE = "taskzip"
"""What constants are tagged with that are not to be in the file."""
_ALIGNMENT = 16
Strides = tuple[int, int, int]


def keep_outside(program: torch.export.ExportedProgram, names: Sequence[str]) -> None:
    """Mark parameters of that name, so that lowering leaves them out of the file."""
    held = program.graph_signature.inputs_to_parameters
    for node in program.graph.nodes:
        if node.op == "placeholder" and held.get(node.name) in names:
            node.meta.setdefault("custom", {})["delegate_constant_tag"] = OUTSIDE


def add_recipes(entries: Sequence[EntryPoint], store: Any) -> None:
    """Put recipes and blocks into the named data of a lowered program.

    BadInput names the weights that the delegate keeps in an order that is not known here.
    """
    outside = store.external_data.get(OUTSIDE, {})
    weights: dict[str, WeightRecipe] = {}
    for entry in entries:
        for name, recipe in entry.recipes.items():
            key, strides = _found(recipe, {*outside, *store.pte_data}, f"{entry.name}: {name}")
            if key in outside and key not in weights:
                weights[key] = _stored(key, recipe, strides, store)
    text = Recipes(weights=tuple(weights.values())).model_dump_json()
    store.add_named_data(RECIPES, text.encode(), alignment=1)


def _found(recipe: Recipe, keys: set[str], what: str) -> tuple[str, Strides]:
    whole = _flat(recipe.weights())
    for strides in _orders(*whole.shape):
        content = torch.empty(whole.numel())
        content.as_strided(whole.shape, strides).copy_(whole)
        key = hashlib.sha256(raw_bytes(content)).hexdigest()
        if key in keys:
            return key, strides
    raise BadInput(
        f"executorch: weights {what} cannot be put together when they are loaded, as the delegate "
        'changes them; set [export] form of this layer to "blocked"'
    )


def _flat(weights: torch.Tensor) -> torch.Tensor:
    """(N, C, k…) → (N, K, C)."""
    return weights.reshape(*weights.shape[:2], -1).movedim(1, 2)


def _orders(outputs: int, taps: int, inputs: int) -> Iterator[Strides]:
    """Strides of N, K, C: inputs last, and outputs last, as of depthwise convolutions."""
    yield taps * inputs, inputs, 1
    yield 1, outputs, taps * outputs


def _stored(key: str, recipe: Recipe, strides: Strides, store: Any) -> WeightRecipe:
    sizes = recipe.shape[0], math.prod(recipe.shape[2:]), recipe.shape[1]
    steps = tuple(_step(each, recipe, strides, store) for each in recipe.steps)
    return WeightRecipe(key=key, sizes=sizes, strides=strides, steps=steps)


def _step(
    step: Step, recipe: Recipe, strides: Strides, store: Any
) -> CopyStep | AddStep | ScaleStep:
    if isinstance(step, Copy):
        rows, columns = step.block.shape[:2]
        block = _add_block(_flat(step.block), store)
        return CopyStep(block=block, row=step.row, rows=rows, column=step.column, columns=columns)
    if isinstance(step, Scale):
        factors = _add_block(step.factors, store)
        return ScaleStep(factors=factors, row=step.row, rows=len(step.factors))
    values, places = _in_memory(step, recipe, strides)
    return AddStep(
        values=_add_block(values, store), places=_add_block(places, store), count=len(values)
    )


def _in_memory(step: Add, recipe: Recipe, strides: Strides) -> tuple[torch.Tensor, torch.Tensor]:
    """Values, and int32 places of the weights in memory, ascending."""
    taps = math.prod(recipe.shape[2:])
    channel, tap = step.places // taps, step.places % taps
    row, column = channel // recipe.shape[1], channel % recipe.shape[1]
    places, order = (row * strides[0] + tap * strides[1] + column * strides[2]).sort()
    return step.values[order], places.to(torch.int32)


def _add_block(tensor: torch.Tensor, store: Any) -> str:
    content = raw_bytes(tensor)
    name = BLOCK + hashlib.sha256(content).hexdigest()
    store.add_named_data(name, content, alignment=_ALIGNMENT)
    return name
