"""Recipes in fewer bits: what tasks share is rounded once, in the same way for all of them.

In int8 an output has one scale for all its weights. Where tasks share some of them, the scale is
that of the largest weight that any of these tasks has for this output.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from taskzip.pipeline.exporters.tensors import raw_bytes
from taskzip.pipeline.recipe import Add, Copy, Recipe, Scale, Step

LARGEST = 127
LEAST_SCALE = 2**-12
"""As XNNPACK's quantizer has it; a factor below it counts as 0."""


@dataclass(frozen=True)
class Int8:
    """Weights (N, C, k…) as int8, put together by a recipe, times scales (N,)."""

    recipe: Recipe
    scales: torch.Tensor

    def weights(self) -> torch.Tensor:
        """(N, C, k…), float32."""
        return self.recipe.weights() * _by_row(self.scales, self.recipe)


def in_half(recipe: Recipe) -> Recipe:
    """Of blocks and values in float16."""
    return replace(recipe, steps=tuple(_halved(step) for step in recipe.steps))


def in_int8(recipes: Sequence[Recipe]) -> list[Int8]:
    """Of all tasks: a block that several have has the same numbers in each."""
    return [
        _rounded(recipe, (largest / LARGEST).clamp_min(LEAST_SCALE))
        for recipe, largest in zip(recipes, _largest_in_common(recipes), strict=True)
    ]


def _halved(step: Step) -> Step:
    if isinstance(step, Copy):
        return replace(step, block=step.block.half())
    return replace(step, values=step.values.half()) if isinstance(step, Add) else step


def _largest_in_common(recipes: Sequence[Recipe]) -> list[torch.Tensor]:
    """(N,) of each recipe before its factors, the same for outputs that hold the same numbers."""
    found = [_unscaled(each).weights().abs().flatten(1).amax(1) for each in recipes]
    blocks = [list(_blocks(each)) for each in recipes]
    while True:
        common: dict[bytes, torch.Tensor] = {}
        for largest, placed in zip(found, blocks, strict=True):
            for key, rows in placed:
                common[key] = torch.maximum(common.get(key, largest[rows]), largest[rows])
        before = [each.clone() for each in found]
        for largest, placed in zip(found, blocks, strict=True):
            for key, rows in placed:
                largest[rows] = torch.maximum(largest[rows], common[key])
        if all(map(torch.equal, found, before)):
            return found


def _blocks(recipe: Recipe) -> Iterator[tuple[bytes, slice]]:
    """What tells blocks apart, and the outputs that they are for."""
    for step in recipe.steps:
        if isinstance(step, Copy):
            key = hashlib.sha256(repr(step.block.shape).encode() + raw_bytes(step.block))
            yield key.digest(), slice(step.row, step.row + len(step.block))


def _unscaled(recipe: Recipe) -> Recipe:
    return replace(recipe, steps=tuple(s for s in recipe.steps if not isinstance(s, Scale)))


def _rounded(recipe: Recipe, scales: torch.Tensor) -> Int8:
    copies = Recipe(recipe.shape, tuple(_rounded_copies(recipe, scales)))
    factors = _factors(recipe)
    steps = (*copies.steps, *_differences(recipe, copies, scales), *_signs(recipe))
    return Int8(
        Recipe(recipe.shape, steps),
        torch.where(factors.abs() < LEAST_SCALE, scales, scales * factors.abs()),
    )


def _rounded_copies(recipe: Recipe, scales: torch.Tensor) -> Iterator[Copy]:
    for step in recipe.steps:
        if isinstance(step, Copy):
            rows = scales[step.row : step.row + len(step.block)]
            yield replace(step, block=_to_int8(step.block, _by_row(rows, recipe)))


def _differences(recipe: Recipe, copies: Recipe, scales: torch.Tensor) -> Iterator[Add]:
    """What added values change, as int8 that wraps around: sums are exact."""
    places = [step.places for step in recipe.steps if isinstance(step, Add)]
    if places:
        every = torch.cat(places).unique()
        wanted = _to_int8(_unscaled(recipe).weights(), _by_row(scales, recipe))
        yield Add((wanted - copies.weights()).flatten()[every], every)


def _signs(recipe: Recipe) -> Iterator[Scale]:
    """Of the factors, whose sizes are in the scales; none where all of a step are positive."""
    for step in recipe.steps:
        if isinstance(step, Scale):
            signs = torch.where(step.factors.abs() < LEAST_SCALE, 0.0, step.factors.sign())
            if not (signs == 1).all():
                yield Scale(signs, step.row)


def _factors(recipe: Recipe) -> torch.Tensor:
    """(N,)"""
    found = torch.ones(recipe.shape[0])
    for step in recipe.steps:
        if isinstance(step, Scale):
            found[step.row : step.row + len(step.factors)] *= step.factors
    return found


def _by_row(numbers: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    return numbers.reshape(-1, *[1] * (len(recipe.shape) - 1))


def _to_int8(weights: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    rounded = (weights * (1.0 / scales)).round()
    return rounded.clamp(-LARGEST, LARGEST).to(torch.int8)
