"""The vectors that stand for the chosen channels of one layer, and what that costs.

Letters: N channels of a task, S shared ones, P inputs with the bias's constant 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from taskzip.contracts.config import ZipConfig
from taskzip.pipeline.zipper.added import Split, less, values_of
from taskzip.pipeline.zipper.affine import fit_affine
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.apply import Merged, TaskLayer
from taskzip.pipeline.zipper.depthwise import (
    ChannelMoments,
    channel_costs,
    damped,
    merge_channels,
)
from taskzip.pipeline.zipper.gather import Moments
from taskzip.pipeline.zipper.masks import prune_merged
from taskzip.pipeline.zipper.methods.method import Method
from taskzip.pipeline.zipper.optimum import cost
from taskzip.pipeline.zipper.order import Order
from taskzip.pipeline.zipper.ready import Ready, is_grouped, moment
from taskzip.pipeline.zipper.scales import Scales, kept_scales
from taskzip.pipeline.zipper.second_moment import SecondMoment


@dataclass(frozen=True)
class MergedLayer:
    """What one layer came to."""

    parts: dict[str, TaskLayer]
    """What stays each task's, scaled as the shared part is."""
    merged: Merged
    costs: torch.Tensor
    """(S,) of each vector, all tasks together."""
    power: float
    """What the tasks' own outputs have there: costs are relative to it."""


class Merging:
    """Asks the method for the vectors."""

    def __init__(self, config: ZipConfig, method: Method, scales: Scales) -> None:
        self._config = config
        self._method = method
        self._scales = scales

    def merge(
        self, step: Step, ready: Mapping[str, Ready], orders: Mapping[str, Order]
    ) -> MergedLayer:
        """One layer of all tasks; `orders` are of its outputs."""
        if is_grouped(ready):
            return self._merge_groups(ready, orders)
        return self._merge_dense(step, ready, orders)

    def _merge_dense(
        self, step: Step, ready: Mapping[str, Ready], orders: Mapping[str, Order]
    ) -> MergedLayer:
        affine, hosts = self._scales.has_affine(step), self._method.hosts
        scales = self._scales.of(step, ready) if affine and not hosts else kept_scales(orders)
        parts = {
            name: _scaled(each.part, orders[name], scales[name]) for name, each in ready.items()
        }
        damping = self._config.damping
        moments = [moment(each, each.part.shared_columns, damping) for each in ready.values()]
        members = [_members(each.part, orders[n], scales[n]) for n, each in ready.items()]
        has_bias = affine or any(each.has_bias for each in parts.values())
        found = self._split(moments, members, moments[0].size - (not has_bias))
        vectors, added = found.shared, dict(zip(parts, found.added, strict=False))
        affines = {}
        if affine and hosts:
            nothing = torch.ones(len(vectors)), torch.zeros(len(vectors))
            affines = dict.fromkeys(list(parts)[1:], nothing)
        elif affine:
            for name, part in parts.items():
                rows = vectors + added.get(name, 0)
                affines[name] = _affine(ready[name], part, orders[name], rows)
        power = sum(float(h.power(w).sum()) for h, w in zip(moments, members, strict=True))
        costs = cost(moments, less(members, found.added), vectors)
        return MergedLayer(parts, Merged(vectors, affines, added), costs, power)

    def _split(
        self, moments: list[SecondMoment], members: list[torch.Tensor], columns: int
    ) -> Split:
        """What is shared and what is added; the shared part as pruned as its members."""
        found = self._method.split(moments, members, columns)
        solves = bool(self._config.refit)
        vectors = prune_merged(found.shared, members, moments, self._config.mask, solves)
        if vectors is found.shared or not found.added:
            return Split(vectors, found.added)
        places = [each != 0 for each in found.added]
        return Split(vectors, values_of(moments, members, vectors, places))

    def _merge_groups(self, ready: Mapping[str, Ready], orders: Mapping[str, Order]) -> MergedLayer:
        moments, members = [], []
        for name, each in ready.items():
            if not isinstance(each.moments, ChannelMoments):
                raise TypeError("a layer in groups has moments by output")
            chosen = orders[name].first
            moments.append(each.weight * damped(each.moments.inputs[chosen], self._config.damping))
            members.append(each.part.weights[chosen])
        if self._method.weighs_errors:
            vectors = merge_channels(moments, members)
        else:
            vectors = self._method.merge((), members)
        costs = channel_costs(moments, members, vectors)
        how = "larger" if self._config.mask == "strongest" else self._config.mask
        vectors = prune_merged(vectors, members, (), how, solves=False)
        power = sum(
            float(torch.einsum("sp,spq,sq->", w, h, w))
            for h, w in zip(moments, members, strict=True)
        )
        parts = {name: each.part for name, each in ready.items()}
        return MergedLayer(parts, Merged(vectors, {}), costs, power)


def _members(part: TaskLayer, order: Order, scales: torch.Tensor) -> torch.Tensor:
    """(S, shared P) the neurons that are merged, scaled."""
    rows, columns = order.first, part.shared_columns
    weights = part.weights[rows]
    weights = weights if columns.all() else weights[:, columns]
    return weights.mul_(scales[rows, None].to(weights.dtype))


def _affine(
    ready: Ready, part: TaskLayer, order: Order, vectors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift of a task's shared outputs, from what it really gets: (S,) each."""
    if not isinstance(ready.moments, Moments):
        raise TypeError("a layer that is scaled has moments")
    rows = part.weights[order.first].clone()
    rows[:, part.shared_columns] = vectors
    return fit_affine(ready.moments, order.first, rows)


def _scaled(part: TaskLayer, order: Order, scales: torch.Tensor) -> TaskLayer:
    """The part with what stays the task's of merged neurons scaled, all others as they were."""
    if part.shared_columns.all():
        return part
    factors = torch.ones_like(scales)
    factors[order.first] = scales[order.first]
    if (factors == 1).all():
        return part
    return replace(part, weights=part.weights * factors[:, None].to(part.weights.dtype))
