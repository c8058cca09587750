"""Which channels of a group become one, at the first layer that writes them."""

from collections.abc import Mapping

import torch

from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.front import Front
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.order import Inputs
from taskzip.pipeline.zipper.pairing import Candidates
from taskzip.pipeline.zipper.ready import (
    Ready,
    candidate,
    has_shared_inputs,
    in_units,
    is_grouped,
    power,
    window,
)
from taskzip.pipeline.zipper.scales import Scales
from taskzip.pipeline.zipper.threshold import all_or_none, cheap_groups


class Matching:
    """Asks the method, within the group's limit."""

    def __init__(self, scene: Scene, method: Method, front: Front, scales: Scales) -> None:
        self._scene = scene
        self._method = method
        self._front = front
        self._scales = scales

    def choose(
        self, step: Step, ready: Mapping[str, Ready], inputs: dict[str, Inputs], count: int
    ) -> list[torch.Tensor]:
        """For each task its channels (S,) of at most `count` groups."""
        group = self._scene.alignment.groups[step.group]
        if group.rigid:
            return self._in_place(step, ready, inputs, count)
        units = self._choose_units(step, ready, inputs, count // group.unit)
        return [_channels(each, group.unit) for each in units]

    def _limit(self, step: Step) -> float | None:
        return self._scene.limits[step.group] if self._front.correspond(step) else None

    def _in_place(
        self, step: Step, ready: Mapping[str, Ready], inputs: dict[str, Inputs], count: int
    ) -> list[torch.Tensor]:
        limit = self._limit(step)
        in_place = [torch.arange(count) for _ in ready]
        if limit is None:
            return in_place
        if is_grouped(ready):
            return [each[:0] for each in in_place]
        candidates = self._candidates(step, ready, inputs, 1)
        return all_or_none(candidates, in_place, self._method.merge, limit)

    def _choose_units(
        self, step: Step, ready: Mapping[str, Ready], inputs: dict[str, Inputs], count: int
    ) -> list[torch.Tensor]:
        """Where no input is shared yet, all inputs are compared; if they differ, the power."""
        unit = self._scene.alignment.groups[step.group].unit
        limit = self._limit(step)
        compares_all = not has_shared_inputs(ready)
        if compares_all and len({window(each) for each in ready.values()}) > 1:
            most = count if limit is None else 0
            return [_by_power(each, most, unit) for each in ready.values()]
        candidates = self._candidates(step, ready, inputs, unit)
        picked = self._method.pair(step.group, candidates, count)
        chosen = [torch.from_numpy(each).long() for each in picked]
        if limit is None:
            return chosen
        return cheap_groups(candidates, chosen, self._method.merge, limit)

    def _candidates(
        self, step: Step, ready: Mapping[str, Ready], inputs: dict[str, Inputs], unit: int
    ) -> list[Candidates]:
        """The units that the layer writes, with what later layers write of them from its inputs."""
        compares_all = not has_shared_inputs(ready)
        looked_at: list[tuple[Mapping[str, Ready], dict[str, torch.Tensor]]] = [
            (ready, self._scales.of(step, ready))
        ]
        for later in self._front.twins(step):
            ahead = self._front.ahead(later, inputs)
            looked_at.append((ahead, self._scales.of(later, ahead)))
        found = []
        for name in ready:
            parts = []
            for known, scales in looked_at:
                each = candidate(
                    known[name], scales[name], self._scene.config.damping, compares_all
                )
                parts.append(in_units(each.weights, known[name].part.layer, unit))
            together = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
            weights = together.squeeze(1) if together.shape[1] == 1 else together
            found.append(Candidates(each.moment, weights))
        return found


def _by_power(ready: Ready, count: int, unit: int) -> torch.Tensor:
    """The `count` units of most power, the largest first."""
    powers = in_units(power(ready)[:, None], ready.part.layer, unit).sum((1, 2))
    return powers.argsort(descending=True, stable=True)[:count]


def _channels(units: torch.Tensor, unit: int) -> torch.Tensor:
    return (units[:, None] * unit + torch.arange(unit)).flatten()
