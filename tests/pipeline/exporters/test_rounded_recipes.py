"""Weights that are put together of rounded parts: what tasks share is rounded once."""

from dataclasses import replace

import pytest
import torch

from taskzip.pipeline.exporters.rounded_recipes import Int8, in_half, in_int8
from taskzip.pipeline.recipe import Add, Copy, Recipe, Scale

SHARED, OWN = 4, 2
"""Outputs; inputs are as many."""
SIZE = SHARED + OWN
FACTORS = torch.tensor([1.5, -0.25, 0.0, 2.0])


def task(seed: int, shared: torch.Tensor, *, entries: bool = False) -> Recipe:
    """Shared outputs read own inputs, too; the task scales them, and may add entries to them."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return seed * torch.randn(*shape, generator=generator)

    added = (Add(3 * drawn(2), torch.tensor([0, SIZE * 3])),) if entries else ()
    return Recipe(
        (SIZE, SIZE, 1),
        (
            Copy(shared, 0, 0),
            Copy(drawn(SHARED, OWN, 1), 0, SHARED),
            *added,
            Scale(FACTORS / seed, 0),
            Copy(drawn(OWN, SIZE, 1), SHARED, 0),
        ),
    )


@pytest.fixture
def shared() -> torch.Tensor:
    return torch.randn(SHARED, SHARED, 1, generator=torch.Generator().manual_seed(0))


def unscaled(recipe: Recipe) -> torch.Tensor:
    steps = tuple(step for step in recipe.steps if not isinstance(step, Scale))
    return replace(recipe, steps=steps).weights()


def first_block(int8: Int8) -> torch.Tensor:
    (block, *_) = [step.block for step in int8.recipe.steps if isinstance(step, Copy)]
    return block


@pytest.mark.parametrize("entries", [False, True])
def test_an_output_has_the_scale_of_the_task_that_needs_the_largest(
    shared: torch.Tensor, entries: bool
) -> None:
    recipes = [task(1, shared), task(2, shared, entries=entries)]
    largest = [unscaled(each).abs().amax((1, 2)) for each in recipes]
    both = torch.maximum(*largest)
    for recipe, rounded, alone in zip(recipes, in_int8(recipes), largest, strict=True):
        wanted = torch.cat([both[:SHARED], alone[SHARED:]]) / 127
        factors = next(step.factors for step in recipe.steps if isinstance(step, Scale)).abs()
        wanted[:SHARED] *= torch.where(factors == 0, 1.0, factors)
        torch.testing.assert_close(rounded.scales, wanted)
        off = (rounded.weights() - recipe.weights()).abs()
        assert (off <= 0.501 * rounded.scales[:, None, None]).all()


def test_what_tasks_share_has_the_same_numbers_in_all_of_them(shared: torch.Tensor) -> None:
    plain = Recipe((SHARED, SHARED, 1), (Copy(shared, 0, 0),))
    first, *others = in_int8([task(1, shared), task(3, shared, entries=True), plain])
    assert first.recipe.dtype == torch.int8
    for other in others:
        assert torch.equal(first_block(first), first_block(other))


def test_weights_of_one_task_alone_are_rounded_as_usual() -> None:
    weights = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    (rounded,) = in_int8([Recipe((3, 5), (Copy(weights, 0, 0),))])
    scales = weights.abs().amax(1) / 127
    assert torch.equal(rounded.recipe.weights(), (weights / scales[:, None]).round().to(torch.int8))


def test_halves_are_put_together_of_halves(shared: torch.Tensor) -> None:
    recipe = task(2, shared, entries=True)
    halved = in_half(recipe)
    assert halved.dtype == halved.weights().dtype == torch.float16
    torch.testing.assert_close(halved.weights().float(), recipe.weights(), rtol=2**-9, atol=2**-9)
    assert torch.equal(halved.weights()[SHARED:], recipe.weights()[SHARED:].half())
