"""Recipes of an entry in a folder: the steps as JSON, their tensors as safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file

from taskzip.contracts.document import Document
from taskzip.pipeline.recipe import Add, Copy, Recipe, Scale, Step


class _SavedStep(Document):
    op: Literal["copy", "add", "scale"]
    row: int = 0
    column: int = 0


class _SavedRecipe(Document):
    shape: tuple[int, ...]
    steps: tuple[_SavedStep, ...]


class _SavedRecipes(Document):
    recipes: dict[str, _SavedRecipe]


def save_recipes(recipes: Mapping[str, Recipe], stem: Path) -> None:
    """Write both files, also where there are none."""
    tensors: dict[str, torch.Tensor] = {}
    for name, recipe in recipes.items():
        for index, step in enumerate(recipe.steps):
            for part, tensor in enumerate(_tensors(step)):
                tensors[f"{name}.{index}.{part}"] = tensor.detach().contiguous()
    saved = {
        name: _SavedRecipe(shape=recipe.shape, steps=tuple(map(_saved, recipe.steps)))
        for name, recipe in recipes.items()
    }
    _SavedRecipes(recipes=saved).write(_index(stem))
    save_file(tensors, _weights(stem))


def load_recipes(stem: Path) -> dict[str, Recipe]:
    """What `save_recipes` wrote."""
    held = load_file(_weights(stem))
    return {
        name: Recipe(
            saved.shape,
            tuple(_loaded(step, held, f"{name}.{index}") for index, step in enumerate(saved.steps)),
        )
        for name, saved in _SavedRecipes.read(_index(stem)).recipes.items()
    }


def _index(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.recipes.json")


def _weights(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.recipes.safetensors")


def _tensors(step: Step) -> tuple[torch.Tensor, ...]:
    if isinstance(step, Copy):
        return (step.block,)
    return (step.factors,) if isinstance(step, Scale) else (step.values, step.places)


def _saved(step: Step) -> _SavedStep:
    if isinstance(step, Copy):
        return _SavedStep(op="copy", row=step.row, column=step.column)
    return _SavedStep(op="scale", row=step.row) if isinstance(step, Scale) else _SavedStep(op="add")


def _loaded(saved: _SavedStep, held: Mapping[str, torch.Tensor], prefix: str) -> Step:
    first = held[f"{prefix}.0"]
    if saved.op == "copy":
        return Copy(first, saved.row, saved.column)
    return Scale(first, saved.row) if saved.op == "scale" else Add(first, held[f"{prefix}.1"])
