"""What a task's layer is put together from: a recipe over the blocks that it is made of."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from taskzip.pipeline.recipe import Add, Copy, Recipe, Scale, Step, moved_places
from taskzip.pipeline.zipper.blocks import BlockLayer, GroupedBlocks, plain
from taskzip.pipeline.zipper.layer_spec import LayerSpec, Range
from taskzip.pipeline.zipper.sparse_layer import SummedLayer

PartlyShared = BlockLayer | GroupedBlocks | SummedLayer
"""Layers that tasks share in part."""
Starts = Sequence[int]
"""Where the rows of a block go: so many equal parts of them, each from a row on."""


def recipe_of(module: PartlyShared) -> Recipe:
    """The weights of the ordinary layer that computes the same: `plain(module).weight`."""
    shape = tuple(plain(module).weight.shape)
    return Recipe(shape, tuple(_steps(module, shape)))


def has_entries(module: nn.Module) -> bool:
    """Whether its task adds entries to what is stored once."""
    return any(isinstance(each, SummedLayer) for each in module.modules())


def _steps(module: PartlyShared, shape: tuple[int, ...]) -> Iterator[Step]:
    every = [Range(start=0, stop=shape[1])]
    if isinstance(module, SummedLayer):
        yield from _held(module, [0], every, shape)
        return
    is_grouped = isinstance(module, GroupedBlocks)
    spec = module.spec
    shared, own = _starts(spec)
    yield from _held(module.shared, shared, every if is_grouped else spec.shared_inputs, shape)
    if isinstance(module, BlockLayer) and module.from_own is not None:
        yield from _copies(module.from_own, shared, spec.own_inputs)
    if module.affine is not None:
        factors = module.affine.scale.flatten().chunk(spec.parts)
        yield from (Scale(each, row) for each, row in zip(factors, shared, strict=True))
    if module.own is not None:
        yield from _copies(module.own, own, every)


def _starts(spec: LayerSpec) -> tuple[Starts, Starts]:
    """Of the shared outputs and of the task's own, part by part."""
    height, shared = (spec.shared + spec.own) // spec.parts, spec.shared // spec.parts
    parts = range(spec.parts)
    return [part * height for part in parts], [part * height + shared for part in parts]


def _held(
    layer: nn.Module, starts: Starts, ranges: Sequence[Range], shape: tuple[int, ...]
) -> Iterator[Step]:
    """What is stored once, and the entries that the task adds to it."""
    if not isinstance(layer, SummedLayer):
        yield from _copies(layer, starts, ranges)
        return
    yield from _copies(layer.shared, starts, ranges)
    block: Any = layer.shared.weight
    is_weight = layer.added.places < block.numel()  # biases come behind the weights
    if is_weight.any():
        height = len(block) // len(starts)
        rows = torch.cat([torch.arange(start, start + height) for start in starts])
        columns = torch.cat([torch.arange(each.start, each.stop) for each in ranges])
        places = moved_places(layer.added.places[is_weight], rows, columns, shape)
        yield Add(layer.added.values[is_weight], places)


def _copies(layer: nn.Module, starts: Starts, ranges: Sequence[Range]) -> Iterator[Step]:
    weight: Any = layer.weight
    for part, row in zip(weight.chunk(len(starts)), starts, strict=True):
        first = 0
        for each in ranges:
            size = each.stop - each.start
            yield Copy(part[:, first : first + size], row, each.start)
            first += size
