"""A layer that is about to be merged, and what can be told of it.

Letters: N outputs, P inputs of an output with the bias's constant 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.zipper.apply import TaskLayer
from taskzip.pipeline.zipper.depthwise import ChannelMoments
from taskzip.pipeline.zipper.gather import Moments
from taskzip.pipeline.zipper.pairing import Candidates
from taskzip.pipeline.zipper.second_moment import SecondMoment


@dataclass(frozen=True)
class Ready:
    """The coming layer, its weights solved for the inputs that it will really get."""

    part: TaskLayer
    moments: Moments | ChannelMoments | None
    """Of those inputs; None where nothing is solved or shared."""
    weight: float
    """α of the task, which multiplies its H where tasks are merged."""


def power(ready: Ready) -> torch.Tensor:
    """(N,) the mean square of each channel before activation."""
    if not isinstance(ready.moments, Moments):
        raise TypeError("a layer that opens a group has moments")
    return ready.moments.target_power


def window(ready: Ready) -> tuple[tuple[int, ...], int, int]:
    """A layer's kernel, and how many inputs, and outputs for each channel, it has: what must be
    equal to compare weights.
    """
    layer = ready.part.layer
    kernel = () if layer.geometry is None else layer.geometry.kernel
    return kernel, ready.part.weights.shape[1], layer.per_channel


def candidate(
    ready: Ready, scales: torch.Tensor | None, damping: float, compares_all: bool = False
) -> Candidates:
    """What is matched: the weights from shared inputs, and those inputs' second moment."""
    columns = ready.part.shared_columns | compares_all
    weights = ready.part.weights if columns.all() else ready.part.weights[:, columns]
    if scales is not None:
        weights = weights * scales[:, None].to(weights.dtype)
    return Candidates(moment(ready, columns, damping), weights)


def moment(ready: Ready, columns: torch.Tensor, damping: float) -> SecondMoment:
    """Of these inputs, damped."""
    if not isinstance(ready.moments, Moments):
        raise TypeError("a layer that opens a group has moments")
    whole = ready.moments.inputs
    chosen = whole if columns.all() else whole.at(columns.nonzero().flatten())
    return chosen.damped(damping).scaled(ready.weight)


def in_units(rows: torch.Tensor, layer: Layer, unit: int) -> torch.Tensor:
    """(units, outputs of a unit, P) from rows (outputs, P): all parts of a unit together."""
    parts = rows.reshape(layer.parts, layer.channels // unit, -1, rows.shape[1])
    return parts.movedim(0, 1).flatten(1, 2)


def has_shared_inputs(ready: Mapping[str, Ready]) -> bool:
    """Whether every task's layer reads something shared; one in groups reads what it writes."""
    return all(
        each.part.layer.is_grouped or bool(each.part.inputs.is_shared.any())
        for each in ready.values()
    )


def is_grouped(ready: Mapping[str, Ready]) -> bool:
    """Whether the layer has groups in every task."""
    return all(each.part.layer.is_grouped for each in ready.values())
