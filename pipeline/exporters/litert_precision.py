"""A .tflite in less than fp32, made of one in fp32 by ai-edge-quantizer.

A weight's scales come from that weight alone, one for each channel that it writes; a buffer that
several signatures read is rounded once for all of them. Inputs and outputs stay float32.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taskzip.contracts.document import write_atomically
from taskzip.contracts.names import Precision
from taskzip.pipeline.entry import EntryPoint, TensorNames
from taskzip.pipeline.exporters.frameworks import cannot_lower, contained_warnings

Range = dict[str, np.ndarray[Any, Any]]
Ranges = dict[str, Range]
_HALF_BITS = 16
_BYTE_BITS = 8
_EVERYTHING = ".*"


def round_file(full: Path, path: Path, entries: Sequence[EntryPoint], precision: Precision) -> None:
    """Write `path`, the fp32 file `full` in that precision; BadInput names what cannot be."""
    with contained_warnings():
        from ai_edge_quantizer.quantizer import Quantizer  # noqa: PLC0415  # slow to import

        try:
            recipe = _recipe(precision)
            ranges = _ranges(full, entries, recipe) if recipe.need_calibration() else None
            work = Quantizer(full, recipe.get_quantization_recipe())
            made = work.quantize(ranges, enable_progress_report=False).quantized_model
        except Exception as error:
            raise cannot_lower("litert", [e.name for e in entries], error, precision) from error
    write_atomically(path, bytes(made))


def _recipe(precision: Precision) -> Any:
    from ai_edge_quantizer.algorithm_manager import AlgorithmName  # noqa: PLC0415  # slow
    from ai_edge_quantizer.qtyping import TFLOperationName as Operation  # noqa: PLC0415  # slow
    from ai_edge_quantizer.recipe_manager import RecipeManager  # noqa: PLC0415  # slow to import

    recipe, everything = RecipeManager(), Operation.ALL_SUPPORTED
    if precision == "fp16":
        recipe.add_weight_only_config(
            _EVERYTHING, everything, _HALF_BITS, algorithm_key=AlgorithmName.FLOAT_CASTING
        )
    elif precision == "int8-dynamic":
        recipe.add_dynamic_config(_EVERYTHING, everything, _BYTE_BITS)
    else:
        recipe.add_static_config(_EVERYTHING, everything, _BYTE_BITS, _BYTE_BITS)
        for operation in (Operation.INPUT, Operation.OUTPUT):
            recipe.add_quantization_config(
                _EVERYTHING, operation, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
    return recipe


def _ranges(full: Path, entries: Sequence[EntryPoint], recipe: Any) -> Ranges:
    from ai_edge_quantizer.calibrator import Calibrator  # noqa: PLC0415  # slow to import

    found = Calibrator(full.read_bytes(), num_threads=1, qsv_update_func=_widest)
    found.calibrate({entry.name: list(_calibration(entry)) for entry in entries}, recipe)
    ranges: Ranges = found.get_model_qsvs()
    return ranges


def _widest(known: Range, new: Range) -> Range:
    """Of all samples; the quantizer's own is a moving average, in which the first weighs most."""
    if not known or not new:
        return known or new
    return {
        "min": np.minimum(known["min"], new["min"]),
        "max": np.maximum(known["max"], new["max"]),
    }


def _calibration(entry: EntryPoint) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
    yield _named(entry.inputs, entry.names)
    for row in zip(*(each.split(1) for each in entry.calibration), strict=True):
        yield _named(row, entry.names)


def _named(inputs: Sequence[torch.Tensor], names: TensorNames) -> dict[str, np.ndarray[Any, Any]]:
    return {names.input(index): tensor.numpy() for index, tensor in enumerate(inputs)}
