"""Constants that the runner puts together: their blocks and recipes go into the .pte, they do not.

XNNPACK's delegate asks for a constant by the sha256 of its content, so a recipe finds its constant
by putting it together here, in each of the orders in which the delegate keeps weights.
"""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from taskzip.contracts.errors import BadInput
from taskzip.contracts.recipes import (
    BLOCK,
    RECIPES,
    AddStep,
    CopyStep,
    Numbers,
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
_NUMBERS: dict[torch.dtype, tuple[Numbers, ...]] = {
    torch.float32: ("float32",),
    torch.float16: ("float16", "widened-float16"),
    torch.int8: ("int8",),
}
Strides = tuple[int, int, int]


@dataclass(frozen=True)
class _Constant:
    """What the delegate asks for, and how it is made of a recipe's weights."""

    key: str
    numbers: Numbers
    strides: Strides


def keep_outside(program: torch.export.ExportedProgram, recipes: Iterable[Recipe]) -> None:
    """Mark constants that are what a recipe gives, so that lowering leaves them out of the file."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    wholes = [recipe.weights() for recipe in recipes]
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in names:
            held = program.state_dict.get(names[node.name])
            if held is not None and any(_is_same(held, each) for each in wholes):
                node.meta.setdefault("custom", {})["delegate_constant_tag"] = OUTSIDE


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def add_recipes(entries: Sequence[EntryPoint], store: Any) -> None:
    """Put recipes and blocks into the named data of a lowered program.

    BadInput names the weights that the delegate keeps in an order that is not known here.
    """
    outside = store.external_data.get(OUTSIDE, {})
    weights: dict[str, WeightRecipe] = {}
    for entry in entries:
        for name, recipe in entry.recipes.items():
            found = _found(recipe, {*outside, *store.pte_data}, f"{entry.name}: {name}")
            if found.key in outside and found.key not in weights:
                weights[found.key] = _stored(found, recipe, store)
    for key in [each for each in outside if each not in weights]:  # scales, marked as their weights
        store.pte_data[key] = outside.pop(key)
    text = Recipes(weights=tuple(weights.values())).model_dump_json()
    store.add_named_data(RECIPES, text.encode(), alignment=1)


def _found(recipe: Recipe, keys: set[str], what: str) -> _Constant:
    whole = _flat(recipe.weights())
    for numbers, strides in itertools.product(_NUMBERS[whole.dtype], _orders(*whole.shape)):
        dtype = torch.float32 if numbers == "widened-float16" else whole.dtype
        content = torch.empty(whole.numel(), dtype=dtype)
        content.as_strided(whole.shape, strides).copy_(whole)
        key = hashlib.sha256(raw_bytes(content)).hexdigest()
        if key in keys:
            return _Constant(key, numbers, strides)
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


def _stored(constant: _Constant, recipe: Recipe, store: Any) -> WeightRecipe:
    return WeightRecipe(
        key=constant.key,
        numbers=constant.numbers,
        sizes=(recipe.shape[0], math.prod(recipe.shape[2:]), recipe.shape[1]),
        strides=constant.strides,
        steps=tuple(_step(each, recipe, constant.strides, store) for each in recipe.steps),
    )


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
