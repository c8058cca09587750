"""One layer of the joint network as modules, for each task; what is shared is one object.

Shared channels come before a task's own ones in every input and output. Blocks of a layer:

    shared → shared   stored once           (`shared`)
    own    → shared   the task's            (`from_own`)
    all    → own      the task's            (`own`)

A layer that every task shares fully is the plain Conv2d or Linear itself.
"""

from dataclasses import dataclass

import torch
from torch import nn

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count
from taskzip.pipeline.zipper.chain import Geometry, new_layer


class Split(Document):
    """Channels that all tasks share, and a task's own ones after them."""

    shared: Count
    own: Count

    @property
    def total(self) -> int:
        """Both."""
        return self.shared + self.own


class LayerSpec(Document):
    """What one layer of one task looks like."""

    name: str
    geometry: Geometry | None
    """None: a linear layer."""
    columns: Count
    """Weights of one output for one input channel."""
    inputs: Split
    outputs: Split
    shared_bias: bool
    own_bias: bool

    @property
    def splits(self) -> bool:
        """Whether the layer needs more blocks than one."""
        return self.outputs.shared > 0 and (self.inputs.own > 0 or self.outputs.own > 0)


class BlockLayer(nn.Module):
    """(n, C, …) → (n, N, …), shared channels first on both sides."""

    def __init__(self, spec: LayerSpec, shared: nn.Module) -> None:
        super().__init__()
        spread = spec.columns if spec.geometry is None else 1  # a linear layer's inputs are flat
        self.shared_inputs = spec.inputs.shared * spread
        self.shared = shared
        self.from_own = (
            _plain(spec, spec.inputs.own, spec.outputs.shared, False) if spec.inputs.own else None
        )
        self.own = (
            _plain(spec, spec.inputs.total, spec.outputs.own, spec.own_bias)
            if spec.outputs.own
            else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shared outputs from shared and own inputs, then own outputs from all inputs."""
        y = self.shared(x[:, : self.shared_inputs])
        if self.from_own is not None:
            y = y + self.from_own(x[:, self.shared_inputs :])
        return y if self.own is None else torch.cat([y, self.own(x)], dim=1)


@dataclass(frozen=True)
class JointLayer:
    """One layer of all tasks; `shared` is the block that they hold together, None for a head."""

    shared: nn.Module | None
    tasks: dict[str, nn.Module]


def build_layer(specs: dict[str, LayerSpec]) -> JointLayer:
    """The layer of every task, not initialised."""
    first = next(iter(specs.values()))
    shared = None
    if first.outputs.shared:
        shared = _plain(first, first.inputs.shared, first.outputs.shared, first.shared_bias)
    return JointLayer(shared, {task: _task_module(spec, shared) for task, spec in specs.items()})


def _task_module(spec: LayerSpec, shared: nn.Module | None) -> nn.Module:
    if shared is None:
        return _plain(spec, spec.inputs.total, spec.outputs.own, spec.own_bias)
    return BlockLayer(spec, shared) if spec.splits else shared


def _plain(spec: LayerSpec, channels: int, outputs: int, bias: bool) -> nn.Module:
    inputs = channels if spec.geometry else channels * spec.columns
    return new_layer(spec.geometry, inputs, outputs, bias)
