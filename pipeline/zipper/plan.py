"""A plan is data: which channels become one in each group, and what that is predicted to cost."""

import math
from collections.abc import Mapping
from typing import Literal, TypeVar

from taskzip.contracts.config import PairCost, Share
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Count, TaskName
from taskzip.pipeline.zipper.align import Alignment, Group
from taskzip.pipeline.zipper.layer_names import check_names

Number = TypeVar("Number", int, float)


class GroupPlan(Document):
    """One coupling group: the channels of one layer, or of several whose outputs are added."""

    name: str
    layers: tuple[str, ...]
    """All layers that write these channels, by the first task's names."""
    groups: dict[TaskName, tuple[Count, ...]]
    """The g-th entries of all tasks are the channels that become shared channel g."""
    of: dict[TaskName, Count]
    """How many channels each task has; those in no group stay its own, in their order."""
    costs: tuple[float, ...]
    """For each group ½ Σ_t (w_t − f)ᵀ H_t (w_t − f), summed over the layers: half the squared error
    before activation."""
    power: float = 0.0
    """Σ_t w_tᵀ H_t w_t over all that is merged: what the costs are relative to."""

    @property
    def relative_costs(self) -> tuple[float, ...]:
        """The squared error before activation that each channel adds, relative to the power."""
        if self.power == 0:
            return tuple(0.0 for _ in self.costs)
        return tuple(max(0.0, 2 * cost / self.power) for cost in self.costs)

    @property
    def shared(self) -> int:
        """How many channels are shared."""
        return len(next(iter(self.groups.values())))

    def own(self, task: str) -> tuple[int, ...]:
        """The channels that stay the task's own."""
        taken = set(self.groups[task])
        return tuple(each for each in range(self.of[task]) if each not in taken)

    def order(self, task: str) -> tuple[int, ...]:
        """The task's channels as the joint network has them: shared ones first."""
        return self.groups[task] + self.own(task)


class Plan(Document):
    """All groups, from the input on."""

    format: Literal[2] = 2
    method: str
    groups: tuple[GroupPlan, ...]


def shared_counts(
    share: Share | dict[str, Share], alignment: Alignment, multiple: int = 1
) -> tuple[int, ...]:
    """How many channels each group shares, a fraction as all or a multiple of so many.

    BadInput for names and numbers that do not fit.
    """
    if not isinstance(share, dict):
        return tuple(_count(share, group, multiple) for group in alignment.groups)
    _check_names("share", share, alignment)
    return tuple(_wanted(share, group, multiple) for group in alignment.groups)


def cost_limits(
    limit: PairCost | dict[str, PairCost] | None, alignment: Alignment
) -> tuple[float | None, ...]:
    """What each group's channels may cost, None: anything; BadInput for names that do not fit."""
    if not isinstance(limit, dict):
        return (limit,) * len(alignment.groups)
    _check_names("max_pair_cost", limit, alignment)
    return tuple(_agreed("max_pair_cost", limit, group) for group in alignment.groups)


def _wanted(share: dict[str, Share], group: Group, multiple: int) -> int:
    counts = {name: _count(share[name], group, multiple) for name in group.layers if name in share}
    agreed = _agreed("share", counts, group)
    return group.width if agreed is None else agreed


def _agreed(key: str, given: Mapping[str, Number], group: Group) -> Number | None:
    """The one number that a table gives a group's layers, None if it gives none."""
    found = {name: given[name] for name in group.layers if name in given}
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name!r} {number}" for name, number in found.items())
        raise BadInput(
            f"zip.{key}: {said}: the outputs of these layers are added, so they share the same "
            "channels; give them one number"
        )
    return next(iter(found.values()), None)


def _count(wanted: Share, group: Group, multiple: int) -> int:
    if isinstance(wanted, int):
        if wanted > group.width:
            raise BadInput(
                f"zip.share: layer {group.name!r} cannot share {wanted} channels; the narrowest "
                f"task has {group.width} there (1.0 means all)"
            )
        return _nearest(wanted, group.unit, group.width)
    step = math.lcm(group.unit, multiple)
    return _nearest(max(1, round(wanted * group.width)), step, group.width) if wanted > 0 else 0


def _nearest(count: int, step: int, width: int) -> int:
    """The nearest multiple of a step (a head, or all channels where they keep their order), or the
    whole width."""
    low = min(count // step * step, width)
    high = min(low + step, width)
    return high if 2 * count >= low + high else low


def _check_names(key: str, given: Mapping[str, object], alignment: Alignment) -> None:
    check_names(f"zip.{key}", given, [name for each in alignment.groups for name in each.layers])
