"""Networks from Keras files: read by Keras on torch, rebuilt from torch's layers, compared."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torch.export import Dim

from taskzip.pipeline.networks.keras_config import check_config
from taskzip.pipeline.networks.keras_walk import rebuilt
from taskzip.pipeline.networks.refused import Refused
from taskzip.pipeline.networks.simplify import simplify

_TOLERANCE = 1e-4
"""Of the largest output: sums of float32 in another order; above it, a layer was misread."""


def load_keras_file(path: Path) -> nn.Module:
    """The network in a `.keras` or `.h5` file, with its weights; channels last, as it was saved.

    Raises Refused if Keras is missing, if the file holds code, or if it cannot be rebuilt.
    """
    keras = _require_keras()
    if not path.is_file():
        raise Refused("the file cannot be read (no such file)")
    check_config(path)
    with keras.device("cpu"), torch.no_grad():
        model = _read(keras, path)
        _check_call(model)
        example = torch.rand(2, *model.inputs[0].shape[1:], generator=torch.Generator())
        network = _traced(rebuilt(model).eval(), example)
        _compare(model(example, training=False), network(example))
    return network


def _require_keras() -> Any:
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"
    try:
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise Refused(f"Keras is not installed ({error}); pip install 'taskzip[keras]'") from error
    backend = keras.backend.backend()
    if backend != "torch":
        raise Refused(
            f"Keras runs on {backend} in this process; before your code imports it, set "
            "os.environ['KERAS_BACKEND'] = 'torch'"
        )
    return keras


def _read(keras: Any, path: Path) -> Any:
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise Refused(
            f"Keras {keras.__version__} cannot read it ({type(error).__name__}: {error})"
        ) from error


def _check_call(model: Any) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise Refused(
            f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs; one each fits"
        )
    shape = model.inputs[0].shape
    if None in shape[1:]:
        raise Refused(f"its input {shape} has open sizes; save it with fixed ones")
    for layer in model.layers:
        if layer.compute_dtype not in ("float32", None):
            raise Refused(
                f"layer {layer.name} computes in {layer.compute_dtype}; "
                'save it under keras.config.set_dtype_policy("float32")'
            )


def _traced(network: nn.Module, example: torch.Tensor) -> nn.Module:
    """The network as a graph of ATen operations, without Keras' objects in it."""
    program = torch.export.export(
        network, (example,), dynamic_shapes=({0: Dim.DYNAMIC},), strict=False
    )
    graph = program.module(check_guards=False)
    assert isinstance(graph, fx.GraphModule)  # noqa: S101  # what torch.export documents
    simplify(graph.graph)
    return fx.GraphModule(graph, graph.graph)


def _compare(wanted: torch.Tensor, found: torch.Tensor) -> None:
    error, largest = float((wanted - found).abs().max()), float(wanted.abs().max())
    if not error <= _TOLERANCE * max(1.0, largest):
        raise Refused(
            f"what was made of it differs from Keras' output by {error:.2e}, where outputs reach "
            f"{largest:.2e}; please report this network"
        )
