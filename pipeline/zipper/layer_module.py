"""One layer of the joint network as modules, for each task; what is shared is one object.

Shared channels come before a task's own ones in every space. Blocks of a layer:

    shared → shared   stored once           (`shared`)
    own    → shared   the task's            (`from_own`)
    all    → own      the task's            (`own`)

A layer that every task shares fully is the plain convolution or linear layer itself. A task may
add entries of its own to what is stored once. Where the originals had a batch norm, each task
multiplies and shifts the shared outputs in its own way.
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from pydantic import model_validator
from torch import nn

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count
from taskzip.pipeline.graph.layer import Geometry, new_layer
from taskzip.pipeline.zipper.sparse_layer import SummedLayer


class Range(Document):
    """Features from `start` up to `stop`."""

    start: Count
    stop: Count


class LayerSpec(Document):
    """What one layer of one task looks like."""

    name: str
    geometry: Geometry | None
    """None: a linear layer."""
    groups: Count = 1
    inputs: Count
    """Features that it reads: input channels of a convolution."""
    shared_inputs: tuple[Range, ...]
    """Where the shared ones lie among them."""
    shared: Count
    """Outputs that are shared."""
    own: Count
    """Outputs that are the task's own."""
    parts: Count = 1
    """The outputs are so many parts, each with its shared outputs first."""
    bias: bool
    """Of what is the task's."""
    shared_bias: bool
    affine: bool = False
    """Whether the task scales and shifts the shared outputs."""
    added: Count = 0
    """Entries that the task adds to the block that is stored once."""

    @model_validator(mode="after")
    def _adds_no_more_than_there_is(self) -> Self:
        kernel = 1 if self.geometry is None else math.prod(self.geometry.kernel)
        size = self.shared * (self.width * kernel + self.shared_bias)
        if self.added and (self.is_grouped or self.added > size):
            raise ValueError(f"layer {self.name!r} cannot add {self.added} entries to {size}")
        return self

    @property
    def is_grouped(self) -> bool:
        """Whether outputs read a group of the inputs, not all."""
        return self.groups > 1

    @property
    def shared_groups(self) -> int:
        """How many of the groups have shared outputs: the first ones."""
        return self.groups * self.shared // (self.shared + self.own)

    @property
    def width(self) -> int:
        """How many of the inputs are shared."""
        return sum(each.stop - each.start for each in self.shared_inputs)

    @property
    def shares(self) -> bool:
        """Whether there is anything to store once."""
        return self.shared > 0 and (self.is_grouped or self.width > 0)

    @property
    def is_plain(self) -> bool:
        """Whether the task's layer is one ordinary layer."""
        if not self.shares:
            return True
        whole = self.own == 0 and (self.is_grouped or self.width == self.inputs)
        return whole and not self.affine

    @property
    def own_inputs(self) -> tuple[Range, ...]:
        """Where the inputs lie that are not shared."""
        found, last = [], 0
        for each in (*self.shared_inputs, Range(start=self.inputs, stop=self.inputs)):
            if each.start > last:
                found.append(Range(start=last, stop=each.start))
            last = each.stop
        return tuple(found)


class Affine(nn.Module):
    """A scale and a shift for each channel: what is left of a batch norm."""

    def __init__(self, channels: int, dimensions: int) -> None:
        super().__init__()
        shape = (channels, *[1] * dimensions)
        self.scale = nn.Parameter(torch.ones(shape))
        self.shift = nn.Parameter(torch.zeros(shape))

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """(n, N, …) → the same shape."""
        return y * self.scale + self.shift


class BlockLayer(nn.Module):
    """(n, C, …) → (n, N, …), shared channels first."""

    def __init__(self, spec: LayerSpec, shared: nn.Module) -> None:
        super().__init__()
        self._axis = -1 if spec.geometry is None else 1
        self._ranges = spec.shared_inputs, spec.own_inputs
        self._all_shared = spec.width == spec.inputs
        self._parts = spec.parts
        self.shared = shared
        rest = spec.inputs - spec.width
        self.from_own = _dense(spec, rest, spec.shared, False) if rest else None
        self.affine = Affine(spec.shared, _dimensions(spec)) if spec.affine else None
        self.own = _dense(spec, spec.inputs, spec.own, spec.bias) if spec.own else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shared outputs from shared and own inputs, then own outputs from all inputs."""
        shared, own = self._ranges
        y = self.shared(x if self._all_shared else self._part(x, shared))
        if self.from_own is not None:
            y = y + self.from_own(self._part(x, own))
        if self.affine is not None:
            y = self.affine(y)
        return y if self.own is None else self._beside(y, self.own(x))

    def _beside(self, shared: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        if self._parts == 1:
            return torch.cat([shared, own], dim=self._axis)
        axis = shared.dim() - 1 if self._axis == -1 else self._axis
        parts = [each.unflatten(axis, (self._parts, -1)) for each in (shared, own)]
        return torch.cat(parts, dim=axis + 1).flatten(axis, axis + 1)

    def _part(self, x: torch.Tensor, ranges: tuple[Range, ...]) -> torch.Tensor:
        parts = [x.narrow(self._axis, each.start, each.stop - each.start) for each in ranges]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=self._axis)


class GroupedBlocks(nn.Module):
    """(n, C, …) → (n, N, …): shared kernels for the first groups, the task's own for the rest."""

    def __init__(self, spec: LayerSpec, shared: nn.Module) -> None:
        super().__init__()
        self._shared = spec.shared_groups * (spec.inputs // spec.groups)
        self.shared = shared
        self.affine = Affine(spec.shared, _dimensions(spec)) if spec.affine else None
        groups, inputs = spec.groups - spec.shared_groups, spec.inputs - self._shared
        self.own = (
            new_layer(spec.geometry, inputs, spec.own, spec.bias, groups) if spec.own else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each group by its kernels."""
        y = self.shared(x if self.own is None else x.narrow(1, 0, self._shared))
        if self.affine is not None:
            y = self.affine(y)
        if self.own is None:
            return y
        rest = x.narrow(1, self._shared, x.shape[1] - self._shared)
        return torch.cat([y, self.own(rest)], dim=1)


@dataclass(frozen=True)
class JointLayer:
    """One layer of all tasks; `shared` is the block that they hold together, if any."""

    shared: nn.Module | None
    tasks: dict[str, nn.Module]


def build_layer(specs: dict[str, LayerSpec]) -> JointLayer:
    """The layer of every task, not initialised."""
    first = next(iter(specs.values()))
    shared = None
    if first.shares:
        groups = first.shared_groups if first.is_grouped else 1
        inputs = groups * (first.inputs // first.groups) if first.is_grouped else first.width
        shared = new_layer(first.geometry, inputs, first.shared, first.shared_bias, groups)
    return JointLayer(shared, {task: _task_module(spec, shared) for task, spec in specs.items()})


def _task_module(spec: LayerSpec, shared: nn.Module | None) -> nn.Module:
    if shared is None:
        outputs = spec.shared + spec.own
        return new_layer(spec.geometry, spec.inputs, outputs, spec.bias, spec.groups)
    held = SummedLayer(shared, spec.added) if spec.added else shared
    if spec.is_plain:
        return held
    return GroupedBlocks(spec, held) if spec.is_grouped else BlockLayer(spec, held)


def _dense(spec: LayerSpec, inputs: int, outputs: int, bias: bool) -> nn.Module:
    return new_layer(spec.geometry, inputs, outputs, bias)


def _dimensions(spec: LayerSpec) -> int:
    return 0 if spec.geometry is None else len(spec.geometry.kernel)
