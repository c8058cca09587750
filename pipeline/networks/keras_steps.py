"""A network as steps in order, built while Keras walks through its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

Order = Literal["keras", "channels_first", "flat"]
"""How a value's axes stand: as Keras has them; channels right after the batch; or that, flattened,
where Keras flattened with channels last."""


@dataclass(frozen=True)
class Value:
    """Something computed: its position, the order of its axes, and its size as Keras has it."""

    position: int
    order: Order
    size: tuple[int, ...]
    """Without the batch; for "flat" that before flattening."""


class StepNetwork(nn.Module):
    """Modules that run one after another, each on the results of some before it."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[tuple[str, tuple[int, ...]]] = []
        self._result = 0

    def append(self, name: str, module: nn.Module, inputs: Sequence[int]) -> int:
        """Run `module` on the results at `inputs`; returns the position of what it gives."""
        own = re.sub(r"\W", "_", name)
        while own in self._modules or hasattr(self, own):
            own += "_"
        self.add_module(own, module)
        self._steps.append((own, tuple(inputs)))
        self._result = len(self._steps)
        return self._result

    def end_with(self, position: int) -> None:
        """Return what is at `position`."""
        self._result = position

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps on the input, which is at position 0."""
        results = [x]
        for name, inputs in self._steps:
            results.append(getattr(self, name)(*(results[each] for each in inputs)))
        return results[self._result]


class Transposed(nn.Module):
    """Axes in another order; the batch stays first."""

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self._axes = (0, *axes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Permute `x`."""
        return x.permute(self._axes)


class Added(nn.Module):
    """The sum of all inputs."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Add from the left."""
        total = inputs[0]
        for each in inputs[1:]:
            total = total + each
        return total


class Concatenated(nn.Module):
    """Inputs side by side along an axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self._axis = axis

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Concatenate."""
        return torch.cat(inputs, self._axis)


def channels_first(network: StepNetwork, name: str, value: Value) -> Value:
    """The value with its channels right after the batch."""
    if value.order == "channels_first":
        return value
    value = as_keras(network, name, value)
    rank = len(value.size)
    step = Transposed((rank, *range(1, rank)))
    position = network.append(f"{name}_channels_first", step, [value.position])
    return replace(value, position=position, order="channels_first")


def as_keras(network: StepNetwork, name: str, value: Value) -> Value:
    """The value as Keras has it."""
    if value.order == "keras":
        return value
    rank, position = len(value.size), value.position
    if value.order == "flat":
        shape = (value.size[-1], *value.size[:-1])
        position = network.append(f"{name}_unflatten", nn.Unflatten(1, shape), [position])
    step = Transposed((*range(2, rank + 1), 1))
    position = network.append(f"{name}_channels_last", step, [position])
    if value.order == "flat":
        position = network.append(f"{name}_flatten", nn.Flatten(), [position])
        return Value(position, "keras", (_product(value.size),))
    return Value(position, "keras", value.size)


def flat_columns(value: Value) -> torch.Tensor:
    """Which of Keras' columns each column of a "flat" value is."""
    size = value.size
    return torch.arange(_product(size)).reshape(size).movedim(-1, 0).flatten()


def _product(size: Sequence[int]) -> int:
    return int(torch.tensor(size).prod())
