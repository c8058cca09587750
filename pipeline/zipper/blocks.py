"""A task's layer as modules that hold blocks of it; what is shared is one object for all tasks.

Shared channels come before a task's own ones in every space. Blocks of a layer:

    shared → shared   stored once           (`shared`)
    own    → shared   the task's            (`from_own`)
    all    → own      the task's            (`own`)

Where the originals had a batch norm, each task multiplies and shifts the shared outputs in its own
way.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from taskzip.pipeline.graph.layer import Geometry, new_layer
from taskzip.pipeline.zipper.layer_spec import LayerSpec, Range
from taskzip.pipeline.zipper.sparse_layer import SummedLayer


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
        self.spec = spec
        self._axis = -1 if spec.geometry is None else 1
        self._ranges = spec.shared_inputs, spec.own_inputs
        self._all_shared = spec.width == spec.inputs
        self._parts = spec.parts
        self.shared = shared
        rest = spec.inputs - spec.width
        self.from_own = _dense(spec, rest, spec.shared, False) if rest else None
        self.affine = Affine(spec.shared, _dimensions(spec)) if spec.affine else None
        self.own = _dense(spec, spec.inputs, spec.own, spec.bias) if spec.own else None

    @torch.no_grad()
    def plain(self) -> nn.Module:
        """An ordinary layer that computes the same, with weights of its own."""
        shared, own = self._ranges
        held = _Rows.of(plain(self.shared))
        weight = held.weight if self._all_shared else self._spread(held.weight, shared)
        if self.from_own is not None:
            weight = weight + self._spread(_Rows.of(self.from_own).weight, own)
        rows = _Rows(weight, held.bias).scaled(self.affine)
        if self.own is not None:
            rows = rows.beside(_Rows.of(self.own), self._parts)
        return rows.layer(self.spec.geometry)

    def _spread(self, weight: torch.Tensor, ranges: tuple[Range, ...]) -> torch.Tensor:
        """(N, some inputs, …) → (N, all inputs, …), 0 for the others."""
        whole = weight.new_zeros(len(weight), self.spec.inputs, *weight.shape[2:])
        start = 0
        for each in ranges:
            size = each.stop - each.start
            whole[:, each.start : each.stop] = weight[:, start : start + size]
            start += size
        return whole

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
        self.spec = spec
        self._shared = spec.shared_groups * (spec.inputs // spec.groups)
        self.shared = shared
        self.affine = Affine(spec.shared, _dimensions(spec)) if spec.affine else None
        groups, inputs = spec.groups - spec.shared_groups, spec.inputs - self._shared
        self.own = (
            new_layer(spec.geometry, inputs, spec.own, spec.bias, groups) if spec.own else None
        )

    @torch.no_grad()
    def plain(self) -> nn.Module:
        """An ordinary layer that computes the same, with weights of its own."""
        rows = _Rows.of(plain(self.shared)).scaled(self.affine)
        if self.own is not None:
            rows = rows.beside(_Rows.of(self.own))
        return rows.layer(self.spec.geometry, self.spec.groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each group by its kernels."""
        y = self.shared(x if self.own is None else x.narrow(1, 0, self._shared))
        if self.affine is not None:
            y = self.affine(y)
        if self.own is None:
            return y
        rest = x.narrow(1, self._shared, x.shape[1] - self._shared)
        return torch.cat([y, self.own(rest)], dim=1)


def plain(module: nn.Module) -> Any:
    """An ordinary convolution or linear layer that computes what a task's layer does, with weights
    of its own."""
    if isinstance(module, (BlockLayer, GroupedBlocks, SummedLayer)):
        return module.plain()
    return copy.deepcopy(module)


@dataclass(frozen=True)
class _Rows:
    """Some outputs of a layer: weights (N, C, …) and biases (N,), None: 0."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    @classmethod
    def of(cls, layer: nn.Module) -> "_Rows":
        """Those of an ordinary layer."""
        return cls(*_numbers(layer))

    def scaled(self, affine: Affine | None) -> "_Rows":
        if affine is None:
            return self
        scale, shift = affine.scale.flatten(), affine.shift.flatten()
        weight = self.weight * scale.reshape(-1, *[1] * (self.weight.dim() - 1))
        return _Rows(weight, shift if self.bias is None else self.bias * scale + shift)

    def beside(self, other: "_Rows", parts: int = 1) -> "_Rows":
        """Each part's rows of the one before those of the other."""
        bias = None
        if self.bias is not None or other.bias is not None:
            bias = _in_parts(self._biases(), other._biases(), parts)
        return _Rows(_in_parts(self.weight, other.weight, parts), bias)

    def layer(self, geometry: Geometry | None, groups: int = 1) -> nn.Module:
        outputs, inputs = self.weight.shape[:2]
        module = new_layer(geometry, inputs * groups, outputs, self.bias is not None, groups)
        module.get_parameter("weight").copy_(self.weight)
        if self.bias is not None:
            module.get_parameter("bias").copy_(self.bias)
        return module

    def _biases(self) -> torch.Tensor:
        return self.weight.new_zeros(len(self.weight)) if self.bias is None else self.bias


def _numbers(layer: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    return layer.weight, layer.bias


def _in_parts(first: torch.Tensor, second: torch.Tensor, parts: int) -> torch.Tensor:
    both = [each.unflatten(0, (parts, -1)) for each in (first, second)]
    return torch.cat(both, dim=1).flatten(0, 1)


def _dense(spec: LayerSpec, inputs: int, outputs: int, bias: bool) -> nn.Module:
    return new_layer(spec.geometry, inputs, outputs, bias)


def _dimensions(spec: LayerSpec) -> int:
    return 0 if spec.geometry is None else len(spec.geometry.kernel)
