"""The constants of a .pte that has recipes, put together into a .ptd.

ExecuTorch's own Python runtime takes them from there; it knows nothing of recipes. Written apart
from what made the recipes, from the file alone, as the runner reads it.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from taskzip.contracts.recipes import CopyStep, Numbers, ScaleStep, WeightRecipe
from taskzip.pipeline.inspection.ptd_file import data_path
from taskzip.pipeline.inspection.pte_file import PteFile

_ALIGNMENT = 16
_KINDS: dict[Numbers, str] = {
    "float32": "<f4",
    "float16": "<f2",
    "widened-float16": "<f2",
    "int8": "i1",
}


@contextmanager
def whole_constants(path: Path) -> Iterator[Path | None]:
    """A .ptd for the .pte at `path`: its own, or one made of its recipes; None: it has neither."""
    file = PteFile(path)
    recipes = file.recipes()
    if not recipes:
        own = data_path(path)
        yield own if own.exists() else None
        return
    with tempfile.TemporaryDirectory() as folder:
        ptd = Path(folder) / "constants.ptd"
        ptd.write_bytes(_serialized({each.key: _whole(each, file) for each in recipes}))
        yield ptd


def _serialized(constants: Mapping[str, bytes]) -> bytes:
    from executorch.exir._serialize.data_serializer import (  # noqa: PLC0415  # slow to import
        DataEntry,
        DataPayload,
    )
    from executorch.extension.flat_tensor.serialize.serialize import (  # noqa: PLC0415  # slow
        FlatTensorSerializer,
    )

    named = {key: DataEntry(index, _ALIGNMENT, None) for index, key in enumerate(constants)}
    payload = DataPayload([*constants.values()], named)
    return bytes(FlatTensorSerializer().serialize(payload))


def _whole(recipe: WeightRecipe, file: PteFile) -> bytes:
    kind = _KINDS[recipe.numbers]
    memory = np.zeros(np.prod(recipe.sizes), kind)
    strides = [memory.itemsize * each for each in recipe.strides]
    whole = as_strided(memory, recipe.sizes, strides)
    for step in recipe.steps:
        if isinstance(step, CopyStep):
            rows = slice(step.row, step.row + step.rows)
            columns = slice(step.column, step.column + step.columns)
            block = _numbers(file, step.block, kind)
            whole[rows, :, columns] = block.reshape(step.rows, -1, step.columns)
        elif isinstance(step, ScaleStep):
            factors = _numbers(file, step.factors, "<f4")[:, None, None]
            part = whole[step.row : step.row + step.rows]
            part[...] = (part * factors).astype(kind)
        else:
            memory[_numbers(file, step.places, "<i4")] += _numbers(file, step.values, kind)
    return (memory.astype("<f4") if recipe.numbers == "widened-float16" else memory).tobytes()


def _numbers(file: PteFile, name: str, kind: str) -> "np.ndarray[Any, Any]":
    return np.frombuffer(file.segment(file.named[name]), kind)
