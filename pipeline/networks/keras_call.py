"""Layers of Keras that torch does not have, called as they are."""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from taskzip.pipeline.networks.keras_layers import tensor


@dataclass(frozen=True)
class Slot:
    """Where in a call's arguments its nth input stands."""

    index: int


class KerasCall(nn.Module):
    """A layer, operation or activation of Keras on tensors; its variables become parameters here.

    `args` and `kwargs` are those of the call, with a Slot for each input.
    """

    def __init__(self, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self._call = (callee, args, kwargs)  # in a tuple: its own registrations stay its own
        self._trained: list[str] = []
        self._fixed: list[str] = []
        for variable in getattr(callee, "trainable_variables", ()):
            self._trained.append(self._free_name(variable))
            self.register_parameter(self._trained[-1], nn.Parameter(tensor(variable)))
        for variable in getattr(callee, "non_trainable_variables", ()):
            self._fixed.append(self._free_name(variable))
            self.register_buffer(self._fixed[-1], tensor(variable))

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Call it on the CPU, as at inference."""
        import keras  # noqa: PLC0415  # an extra

        callee, args, kwargs = self._call
        fill = lambda leaf: inputs[leaf.index] if isinstance(leaf, Slot) else leaf  # noqa: E731
        args, kwargs = keras.tree.map_structure(fill, (args, kwargs))
        with keras.device("cpu"):
            if not isinstance(callee, keras.Layer):
                return callee(*args, **kwargs)
            trained = [getattr(self, name) for name in self._trained]
            fixed = [getattr(self, name) for name in self._fixed]
            if "training" in inspect.signature(callee.call).parameters:
                kwargs = {**kwargs, "training": False}
            result, _ = callee.stateless_call(trained, fixed, *args, **kwargs)
            return result

    def _free_name(self, variable: Any) -> str:
        name = str(variable.name).replace(".", "_")
        while hasattr(self, name):
            name += "_"
        return name
