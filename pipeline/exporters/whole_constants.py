"""The constants of a .pte that has recipes, put together into a .ptd.

ExecuTorch's own Python runtime takes them from there; it knows nothing of recipes. Written apart
from what made the recipes, from the file alone, as the runner reads it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from taskzip.contracts.recipes import CopyStep, ScaleStep, WeightRecipe
from taskzip.pipeline.inspection.pte_file import PteFile

_ALIGNMENT = 16


def write_whole_constants(path: Path, ptd: Path) -> bool:
    """Write `ptd` for the .pte at `path`; false, and no file, where it has no recipes."""
    from executorch.exir._serialize.data_serializer import (  # noqa: PLC0415  # slow to import
        DataEntry,
        DataPayload,
    )
    from executorch.extension.flat_tensor.serialize.serialize import (  # noqa: PLC0415  # slow
        FlatTensorSerializer,
    )

    file = PteFile(path)
    recipes = file.recipes()
    buffers = [_whole(each, file) for each in recipes]
    named = {each.key: DataEntry(index, _ALIGNMENT, None) for index, each in enumerate(recipes)}
    if recipes:
        ptd.write_bytes(bytes(FlatTensorSerializer().serialize(DataPayload(buffers, named))))
    return bool(recipes)


def _whole(recipe: WeightRecipe, file: PteFile) -> bytes:
    memory = np.zeros(np.prod(recipe.sizes), np.float32)
    whole = as_strided(memory, recipe.sizes, [4 * each for each in recipe.strides])
    for step in recipe.steps:
        if isinstance(step, CopyStep):
            rows = slice(step.row, step.row + step.rows)
            columns = slice(step.column, step.column + step.columns)
            block = _numbers(file, step.block)
            whole[rows, :, columns] = block.reshape(step.rows, -1, step.columns)
        elif isinstance(step, ScaleStep):
            factors = _numbers(file, step.factors)
            whole[step.row : step.row + step.rows] *= factors[:, None, None]
        else:
            memory[_numbers(file, step.places, "<i4")] += _numbers(file, step.values)
    return memory.tobytes()


def _numbers(file: PteFile, name: str, kind: str = "<f4") -> "np.ndarray[Any, Any]":
    return np.frombuffer(file.segment(file.named[name]), kind)
