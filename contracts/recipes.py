"""Recipes in a model file: how a task's weights are put together when it is loaded.

Written by the exporter as named data of a .pte, read by the runner. Blocks are named data too,
little-endian. Letters: N outputs, C inputs of a layer (of one group), K elements of its kernel.
"""

from typing import Annotated, Literal

from pydantic import Field

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count

RECIPES = "taskzip.recipes"
"""The named data that holds the document."""
BLOCK = "taskzip.block."
"""How names of blocks begin; what follows is the sha256 of their content."""

Name = Annotated[str, Field(max_length=200)]
Numbers = Literal["float32", "float16", "widened-float16", "int8"]
"""What blocks hold and steps compute in; widened: the constant has the same numbers in float32."""


class CopyStep(Document):
    """Numbers (rows, K, columns) of `block`, put from a row and a column on."""

    op: Literal["copy"] = "copy"
    block: Name
    row: Count
    rows: Count
    column: Count
    columns: Count


class AddStep(Document):
    """`count` numbers of `values`, added at int32 `places`, counted as the weights lie in memory.

    In int8 a sum that is too large wraps around.
    """

    op: Literal["add"] = "add"
    values: Name
    places: Name
    count: Count


class ScaleStep(Document):
    """All numbers of the rows from `row` on, times float32 `factors` (rows,)."""

    op: Literal["scale"] = "scale"
    factors: Name
    row: Count
    rows: Count


Step = CopyStep | AddStep | ScaleStep
Sizes = tuple[Count, Count, Count]
"""N, K, C."""


class WeightRecipe(Document):
    """One constant: 0, then each step in its order."""

    key: Name
    """What the delegate asks for: the sha256 of the content."""
    numbers: Numbers
    sizes: Sizes
    strides: Sizes
    """Numbers from an output, a kernel's element, an input to the next, in memory."""
    steps: tuple[Annotated[Step, Field(discriminator="op")], ...]


class Recipes(Document):
    """All of a file."""

    format: Literal[2] = 2
    weights: tuple[WeightRecipe, ...]


def parts_of(step: Step, recipe: WeightRecipe) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Name, type and shape of what a step of the recipe reads."""
    dtype = recipe.numbers.removeprefix("widened-")
    if isinstance(step, CopyStep):
        return ((step.block, dtype, (step.rows, recipe.sizes[1], step.columns)),)
    if isinstance(step, ScaleStep):
        return ((step.factors, "float32", (step.rows,)),)
    return (step.values, dtype, (step.count,)), (step.places, "int32", (step.count,))
