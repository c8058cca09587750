"""Git Re-Basin's weight matching (Ainsworth, Hayase, Srinivasa, ICLR 2023) on coupling groups.

No data: for each group in turn, the channels of a task are permuted so that the weights that write
and read them are as like the first task's as they can be, until nothing changes. Merged weights
are averages. Letters: N channels of a group, F features and k kernel elements of a layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.methods.method import AddsNothing, Scene
from taskzip.pipeline.zipper.optimum import mean
from taskzip.pipeline.zipper.pairing import Candidates
from taskzip.pipeline.zipper.second_moment import SecondMoment

MAX_ROUNDS = 50
"""Weight matching converges within a few rounds; this only bounds a tie that swings."""

Partner = dict[int, np.ndarray]
"""Group → for each channel of the first task that of the other, −1 where it has none."""


class Rebasin(AddsNothing):
    """Permutations of every task towards the first, then averages."""

    refits = False
    weighs_errors = False

    def prepare(self, scene: Scene) -> None:
        """Match all tasks with the first."""
        first, *others = [task.name for task in scene.tasks]
        self._first = _Weights(scene, first)
        self._partners = [_permutations(scene, self._first, _Weights(scene, o)) for o in others]

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """The `count` channels of the first task whose partners are most alike."""
        units = len(candidates[0].weights)
        unit = self._first.units[group]
        score = np.zeros(units)
        for partners, likeness in self._partners:
            known = partners[group] >= 0
            score += np.where(known, likeness[group], -np.inf).reshape(units, unit).sum(1)
        chosen = np.sort(np.argsort(-score, kind="stable")[:count])
        return [chosen, *(partners[group][chosen * unit] // unit for partners, _ in self._partners)]

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The mean."""
        return mean(weights)


class _Weights:
    """A task's aligned layers as (N, features, kernel), and the groups that they read."""

    def __init__(self, scene: Scene, task: str) -> None:
        self.steps = scene.alignment.steps
        self.tensors = {step.name: _tensor(scene, task, step) for step in self.steps}
        self.features = {step.name: _features(scene, task, step) for step in self.steps}
        self.widths = [group.widths[task] for group in scene.alignment.groups]
        self.units = [group.unit for group in scene.alignment.groups]


def _tensor(scene: Scene, task: str, step: Step) -> np.ndarray:
    layer = scene.networks[task].graph.layers[step.nodes[task]]
    weight = layer.weight.flatten(2) if layer.geometry else layer.weight[..., None]
    copies = weight.reshape(layer.parts, layer.channels, layer.columns, *weight.shape[1:])
    tensor: np.ndarray = copies.permute(1, 3, 4, 2, 0).flatten(2).numpy()
    return tensor


def _features(scene: Scene, task: str, step: Step) -> list[tuple[int | None, int, int]]:
    """Along the features: group (None: not permuted), channels and columns of each segment."""
    network = scene.networks[task]
    node = next(each for each in network.graph.nodes if each.name == step.nodes[task])
    layer = network.graph.layers[node.name]
    segments = network.segments(node.inputs[0])
    if layer.is_grouped or segments is None:
        return [(None, layer.weight.shape[1], 1)]
    groups = [scene.alignment.group_of(task, each.space) for each in segments]
    return [(g, each.channels, each.columns) for g, each in zip(groups, segments, strict=True)]


def _permutations(scene: Scene, a: _Weights, b: _Weights) -> tuple[Partner, dict[int, np.ndarray]]:
    generator = np.random.default_rng(scene.config.seed)
    partners = {
        group: _padded(np.arange(min(a.widths[group], b.widths[group])), a.widths[group])
        for group in range(len(scene.alignment.groups))
    }
    likeness: dict[int, np.ndarray] = {}
    for _ in range(MAX_ROUNDS):
        changed = False
        for group in generator.permutation(len(partners)).tolist():
            table = _likeness(a, b, group, partners)
            left, right = _assigned(table, a.units[group])
            found = np.full(a.widths[group], -1)
            found[left] = right
            changed |= not np.array_equal(found, partners[group])
            partners[group] = found
            likeness[group] = np.zeros(a.widths[group])
            likeness[group][left] = table[left, right]
        if not changed:
            break
    return partners, likeness


def _assigned(table: np.ndarray, unit: int) -> tuple[np.ndarray, np.ndarray]:
    """The channels of the units that are most alike, each with its like."""
    by_unit = np.einsum("iuju->ij", table.reshape(len(table) // unit, unit, -1, unit))
    found = linear_sum_assignment(by_unit, maximize=True)
    left, right = ((each[:, None] * unit + np.arange(unit)).ravel() for each in found)
    return left, right


def _padded(found: np.ndarray, width: int) -> np.ndarray:
    return np.concatenate([found, np.full(width - len(found), -1)])


def _likeness(a: _Weights, b: _Weights, group: int, partners: Partner) -> np.ndarray:
    """(N_A, N_B) inner products of what writes and reads each channel."""
    table = np.zeros((a.widths[group], b.widths[group]))
    for step in a.steps:
        for one, other in zip(_segments(a, step), _segments(b, step), strict=False):
            if step.group == group:
                table += _written(one, other, partners)
            if one.group == other.group == group:
                table += _read(one, other, None if step.group == group else partners[step.group])
    return table


@dataclass(frozen=True)
class _Segment:
    """What a layer reads of one group: weights (N, channels, columns · kernel)."""

    group: int | None
    weights: np.ndarray


def _segments(weights: _Weights, step: Step) -> Iterator[_Segment]:
    tensor, start = weights.tensors[step.name], 0
    for group, channels, columns in weights.features[step.name]:
        part = tensor[:, start : start + channels * columns]
        yield _Segment(group, part.reshape(len(tensor), channels, -1))
        start += channels * columns


def _written(one: _Segment, other: _Segment, partners: Partner) -> np.ndarray | float:
    left, right = one.weights, other.weights
    if one.group is not None:
        known = partners[one.group] >= 0
        left, right = left[:, known], right[:, partners[one.group][known]]
    if left.shape[1:] != right.shape[1:]:
        return 0.0
    table: np.ndarray = left.reshape(len(left), -1) @ right.reshape(len(right), -1).T
    return table


def _read(one: _Segment, other: _Segment, rows: np.ndarray | None) -> np.ndarray | float:
    left, right = one.weights, other.weights
    if rows is not None:
        known = rows >= 0
        left, right = left[known], right[rows[known]]
    if len(left) != len(right):
        return 0.0
    left, right = left.swapaxes(0, 1), right.swapaxes(0, 1)
    table: np.ndarray = left.reshape(len(left), -1) @ right.reshape(len(right), -1).T
    return table
