"""A layer whose weights are shared ones and a few entries that its task adds."""

import copy

import torch
from torch import nn
from torch.nn.functional import linear


class Entries(nn.Module):
    """Values at places of a layer's numbers: its weights row by row, then its biases."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(count))
        self.register_buffer("places", torch.arange(count))
        self.places: torch.Tensor
        """(count,) int64, ascending."""

    def spread(self, size: int) -> torch.Tensor:
        """(size,) the values at their places, 0 elsewhere."""
        return self.values.new_zeros(size).scatter(0, self.places, self.values)

    @torch.no_grad()
    def fill(self, places: torch.Tensor, values: torch.Tensor) -> None:
        """Set both (count,)."""
        self.places.copy_(places)
        self.values.copy_(values)


class SummedLayer(nn.Module):
    """(n, C, …) → (n, N, …) by the sum of the shared weights and the task's entries."""

    def __init__(self, shared: nn.Module, count: int) -> None:
        super().__init__()
        self.shared = shared
        self.added = Entries(count)

    @property
    def size(self) -> int:
        """How many numbers the shared layer has, biases included."""
        return sum(each.numel() for each in self.shared.parameters())

    def sums(self) -> dict[str, torch.Tensor]:
        """Weights and biases by the names and with the shapes that the shared layer has."""
        spread, start, found = self.added.spread(self.size), 0, {}
        for name, parameter in self.shared.named_parameters():
            part = spread[start : start + parameter.numel()]
            found[name] = parameter + part.reshape(parameter.shape)
            start += parameter.numel()
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As the shared layer does with other weights."""
        sums = self.sums()
        if isinstance(self.shared, (nn.Conv1d, nn.Conv2d)):
            return self.shared._conv_forward(x, sums["weight"], sums.get("bias"))
        return linear(x, sums["weight"], sums.get("bias"))

    @torch.no_grad()
    def plain(self) -> nn.Module:
        """An ordinary layer of the same kind, with weights of its own."""
        layer = copy.deepcopy(self.shared)
        sums = self.sums()
        for name, parameter in layer.named_parameters():
            parameter.copy_(sums[name])
        return layer


def is_place(name: str) -> bool:
    """Whether a buffer of that name holds places of entries, which are no weights."""
    return name.endswith(".added.places")


def without_entries(network: nn.Module) -> nn.Module:
    """The network with an ordinary layer for each summed one; all other modules are the same ones.

    The network itself if it has none. For what stores each tensor whole: runtimes' files.
    """
    if isinstance(network, SummedLayer):
        return network.plain()
    replaced = {name: without_entries(child) for name, child in network.named_children()}
    if all(replaced[name] is child for name, child in network.named_children()):
        return network
    changed = copy.copy(network)
    changed._modules = {**network._modules, **replaced}
    return changed
