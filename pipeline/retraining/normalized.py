"""A task's scales and shifts as batch norms, as long as it learns: steps then depend less on how
large the numbers in a layer are.

Letters: n examples, C channels.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TypeVar

import torch
from torch import nn
from torch.nn.functional import batch_norm

from taskzip.pipeline.zipper.blocks import Affine

MOMENTUM = 0.05
"""Of the running statistics: how much a batch moves them."""
EPSILON = 1e-5
"""Added to variances."""

Inputs = Iterable[torch.Tensor]
_Kind = TypeVar("_Kind", bound=nn.Module)


class Normalized(nn.Module):
    """Scales and shifts what is normalized by its batch while it trains, else by what batches are
    like (Ioffe and Szegedy, ICML 2015).
    """

    def __init__(self, affine: Affine, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """What `affine` computes, where a batch has this mean and variance (C,)."""
        super().__init__()
        self._affine = [affine]  # no submodule: its parameters do not learn
        scale, shift = affine.scale.detach().flatten(), affine.shift.detach().flatten()
        self.weight = nn.Parameter(scale * (variance + EPSILON).sqrt())
        self.bias = nn.Parameter(shift + mean * scale)
        self.register_buffer("mean", mean)
        self.register_buffer("variance", variance)
        self.mean: torch.Tensor
        self.variance: torch.Tensor

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """(n, C, …), or (n, …, C) where the scales are those of a linear layer: the same shape."""
        rows = _channels_second(y, self._affine[0])
        normed = batch_norm(
            rows, self.mean, self.variance, self.weight, self.bias, self.training, MOMENTUM, EPSILON
        )
        return normed.reshape(y.shape) if rows.shape != y.shape else normed

    @torch.no_grad()
    def folded(self) -> Affine:
        """The scales and shifts that compute the same outside training."""
        (affine,) = self._affine
        scale = self.weight / (self.variance + EPSILON).sqrt()
        affine.scale.copy_(scale.reshape(affine.scale.shape))
        affine.shift.copy_((self.bias - self.mean * scale).reshape(affine.shift.shape))
        return affine


def normalize(network: nn.Module, inputs: Inputs) -> None:
    """Make each Affine of a task's network a Normalized one that computes the same, with the
    statistics of `inputs`, batches (n, …).
    """
    statistics = _statistics(network, inputs)
    for owner, name, affine in list(_children(network, Affine)):
        setattr(owner, name, Normalized(affine, *statistics[affine].mean_and_variance()))


def fold(network: nn.Module) -> None:
    """Make each Normalized of a network the Affine that it was."""
    for owner, name, normalized in list(_children(network, Normalized)):
        setattr(owner, name, normalized.folded())


def statistics(network: nn.Module) -> dict[str, torch.Tensor]:
    """What batches are like, by name: what changes beside the parameters."""
    return {
        f"{name}.{key}": each
        for name, module in network.named_modules()
        if isinstance(module, Normalized)
        for key, each in module.named_buffers()
    }


class _Statistics:
    """Of what comes by, by channel."""

    def __init__(self, affine: Affine) -> None:
        self._affine = affine
        self._count = 0
        self._sum, self._squares = torch.zeros(2, affine.scale.numel(), dtype=torch.float64)

    def add(self, y: torch.Tensor) -> None:
        rows = _channels_second(y, self._affine).transpose(0, 1).flatten(1).double()
        self._count += rows.shape[1]
        self._sum += rows.sum(1)
        self._squares += rows.square().sum(1)

    def mean_and_variance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(C,) both."""
        mean = self._sum / self._count
        variance = (self._squares / self._count - mean.square()).clamp(min=0)
        return mean.float(), variance.float()


@torch.no_grad()
def _statistics(network: nn.Module, inputs: Inputs) -> dict[Affine, _Statistics]:
    found = {affine: _Statistics(affine) for _, _, affine in _children(network, Affine)}
    with ExitStack() as hooks:
        for affine, statistics in found.items():
            hooks.enter_context(
                affine.register_forward_pre_hook(
                    lambda _, args, statistics=statistics: statistics.add(args[0])
                )
            )
        for batch in inputs:
            network(batch)
    return found


def _channels_second(y: torch.Tensor, affine: Affine) -> torch.Tensor:
    """(n, C, …): a linear layer's (n, …, C) as rows."""
    return y.flatten(0, -2) if affine.scale.dim() == 1 else y


def _children(network: nn.Module, kind: type[_Kind]) -> Iterator[tuple[nn.Module, str, _Kind]]:
    for owner in network.modules():
        for name, child in owner.named_children():
            if isinstance(child, kind):
                yield owner, name, child
