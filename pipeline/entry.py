"""An entry point: what exporters take. They never learn how its network was made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from taskzip.pipeline.recipe import Recipe


@dataclass(frozen=True)
class TensorNames:
    """What inputs and outputs are called in a file, by position; `input_0`, … where not told."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def input(self, index: int) -> str:
        """The name of an input."""
        return self.inputs[index] if self.inputs else f"input_{index}"

    def output(self, index: int) -> str:
        """The name of an output."""
        return self.outputs[index] if self.outputs else f"output_{index}"


UNNAMED = TensorNames()


@dataclass(frozen=True)
class EntryPoint:
    """A named network with an example of its inputs (static shapes, batch included).

    Entry points that hold the same parameter tensors share them in the exported file.
    """

    name: str
    module: nn.Module
    inputs: tuple[torch.Tensor, ...]
    calibration: tuple[torch.Tensor, ...] = ()
    """Of each input more real ones, (n, …), for files that are not in fp32."""
    names: TensorNames = UNNAMED
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    """By the parameter's name: what is to be kept in parts and put together when it is loaded."""
