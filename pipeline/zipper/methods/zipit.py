"""ZipIt!'s matching (Stoica et al., ICLR 2024) across networks: channels that act alike.

Every network sees every task's calibration data; channels whose activations correlate most become
one, and their weights are averaged. Of ZipIt! this takes the matching across networks, not within
one. Letters: R rows of activations, N channels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.graph.channels import Channels
from taskzip.pipeline.graph.view import View
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.assign import PAIRINGS
from taskzip.pipeline.zipper.methods.method import AddsNothing, Scene
from taskzip.pipeline.zipper.optimum import mean
from taskzip.pipeline.zipper.pairing import Candidates, correlation_costs
from taskzip.pipeline.zipper.second_moment import SecondMoment
from taskzip.pipeline.zipper.stream import PART_IMAGES

IMAGES_PER_TASK = 512
"""Of each task's calibration data."""
POSITIONS_PER_IMAGE = 8
"""Of a feature map, drawn with the seed."""


class Zipit(AddsNothing):
    """Pairs by correlation of activations, then averages."""

    refits = False
    weighs_errors = False

    def prepare(self, scene: Scene) -> None:
        """Let every network see all data; BadInput if one cannot take another's."""
        self._pairing = PAIRINGS[scene.config.pairing]
        batches = [part for task in scene.tasks for part in _some(task)]
        self._activations = [
            _activations(scene, task.name, scene.networks[task.name], batches)
            for task in scene.tasks
        ]

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """By correlation with the mean of the channels that are together already."""
        first, *others = (each[group] for each in self._activations)
        unit = first.shape[1] // len(candidates[0].weights)
        chosen = [np.arange(len(candidates[0].weights))]
        together = [first]
        for task in others:
            so_far = torch.stack(
                [
                    _standardised(a)[:, _channels(c, unit)]
                    for a, c in zip(together, chosen, strict=True)
                ]
            ).mean(0)
            left, right = self._pairing(_unit_costs(_costs(so_far, task), unit), count)
            chosen = [each[left] for each in chosen] + [right]
            together.append(task)
        return [each[:count] for each in chosen]

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The mean."""
        return mean(weights)


def _some(task: Task) -> list[torch.Tensor]:
    parts, left = [], IMAGES_PER_TASK
    for batch in task.calibration():
        for part in torch.split(batch[:left], PART_IMAGES):
            parts.append(part)
            left -= len(part)
        if left <= 0:
            break
    return parts


@torch.no_grad()
def _activations(
    scene: Scene, task: str, network: Channels, batches: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """For each group (R, N): what its last writer's sum, ReLU or norm leaves, as others read it."""
    wanted = [_last_value(network, group.spaces[task]) for group in scene.alignment.groups]
    rows: list[list[torch.Tensor]] = [[] for _ in wanted]
    generator = torch.Generator().manual_seed(scene.config.seed)
    for batch in batches:
        values: dict[str, Any] = {network.graph.input: batch}
        try:
            for node in network.graph.nodes:
                values[node.name] = network.graph.run_node(node, values)
        except RuntimeError as error:
            raise BadInput(
                f"zipit lets every network see every task's data; {task} cannot take a batch of "
                f"shape {tuple(batch.shape)}: {error}"
            ) from error
        for index, name in enumerate(wanted):
            if name is None:
                continue
            if not values[name].isfinite().all():
                raise BadInput(
                    f"zipit lets every network see every task's data; {task} answers it with "
                    f"numbers that are not finite at {scene.alignment.groups[index].name!r}; are "
                    "the tasks' data scaled alike?"
                )
            rows[index].append(_rows(network, name, values[name], generator))
    return [torch.cat(each) if each else torch.zeros(0, 0) for each in rows]


def _channels(units: np.ndarray, unit: int) -> np.ndarray:
    return (units[:, None] * unit + np.arange(unit)).ravel()


def _unit_costs(costs: np.ndarray, unit: int) -> np.ndarray:
    by_unit: np.ndarray = np.einsum("iuju->ij", costs.reshape(len(costs) // unit, unit, -1, unit))
    return by_unit


def _last_value(network: Channels, space: int) -> str | None:
    """The last value that holds nothing but the space's channels, one feature each; None where no
    value does: such a space keeps its order.
    """
    found = None
    for node in (each.name for each in network.graph.nodes):
        segments = network.segments(node)
        one = segments[0] if segments and len(segments) == 1 else None
        if one and (one.space, one.columns) == (space, 1):
            found = node
    return found


def _rows(
    network: Channels, name: str, value: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    view = network.views[name]
    axis = view.axis if isinstance(view, View) else 1
    rows = value.movedim(axis, -1).flatten(1, -2) if value.dim() > 2 else value[:, None]  # noqa: PLR2004
    chosen = torch.randperm(rows.shape[1], generator=generator)[:POSITIONS_PER_IMAGE]
    return rows[:, chosen].flatten(0, 1)


def _standardised(rows: torch.Tensor) -> torch.Tensor:
    centred = rows.double() - rows.double().mean(0)
    deviation = centred.square().mean(0).sqrt()
    return centred / torch.where(deviation > 0, deviation, torch.ones_like(deviation))


def _costs(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    left, right = (each.double() - each.double().mean(0) for each in (a, b))
    covariance = left.T @ right / len(left)
    return correlation_costs(covariance, left.square().mean(0), right.square().mean(0))
