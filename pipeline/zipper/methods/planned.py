"""A plan that was made before, or edited, applied again: its pairs, another method's vectors."""

from collections.abc import Sequence

import numpy as np
import torch

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.added import Split
from taskzip.pipeline.zipper.align import Alignment, Group
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.pairing import Candidates
from taskzip.pipeline.zipper.plan import GroupPlan, Plan
from taskzip.pipeline.zipper.second_moment import SecondMoment


class Planned:
    """Pairs as the plan has them."""

    def __init__(self, plan: Plan, method: Method) -> None:
        """`method` merges what the plan pairs."""
        self.refits = method.refits
        self.weighs_errors = method.weighs_errors
        self.hosts = method.hosts
        self._plan = plan
        self._method = method

    def prepare(self, scene: Scene) -> None:
        """Let the method look at the networks."""
        self._units = [each.unit for each in scene.alignment.groups]
        self._method.prepare(scene)

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """As planned."""
        planned, unit = self._plan.groups[group], self._units[group]
        return [
            np.array(channels[::unit], dtype=np.int64) // unit
            for channels in planned.groups.values()
        ]

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """As the method does."""
        return self._method.merge(moments, weights)

    def split(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], columns: int
    ) -> Split:
        """As the method does."""
        return self._method.split(moments, weights, columns)


def checked_counts(plan: Plan, alignment: Alignment, source: str) -> tuple[int, ...]:
    """How many channels the plan shares in each group; BadInput unless it fits the networks."""
    names = [group.name for group in alignment.groups]
    planned = [group.name for group in plan.groups]
    if planned != names:
        raise BadInput(
            f"{source}: its groups are {', '.join(planned) or 'none'}; these networks have "
            f"{', '.join(names) or 'none'}; make the plan with `deploy zip` of this config"
        )
    for group, aligned in zip(plan.groups, alignment.groups, strict=True):
        _check_group(group, aligned.widths, source)
        _check_units(group, aligned, source)
    return tuple(group.shared for group in plan.groups)


def _check_group(group: GroupPlan, widths: dict[str, int], source: str) -> None:
    where = f"{source}: group {group.name!r}"
    if list(group.groups) != list(widths):
        raise BadInput(
            f"{where} has tasks {', '.join(group.groups)}; the config has {', '.join(widths)}"
        )
    lengths = {task: len(channels) for task, channels in group.groups.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{task} {length}" for task, length in lengths.items())
        raise BadInput(f"{where} needs as many channels of every task, but has {said}")
    for task, channels in group.groups.items():
        wrong = [each for each in channels if each >= widths[task]]
        twice = sorted({each for each in channels if channels.count(each) > 1})
        if wrong or twice:
            what = f"{wrong[0]}, but has {widths[task]}" if wrong else f"{twice[0]} twice"
            raise BadInput(f"{where}: {task} gives channel {what}")


def _check_units(group: GroupPlan, aligned: Group, source: str) -> None:
    unit = aligned.unit
    for task, channels in group.groups.items():
        for start in range(0, len(channels), unit):
            run = channels[start : start + unit]
            first = run[0] // unit * unit
            if run != tuple(range(first, first + unit)):
                raise BadInput(
                    f"{source}: group {group.name!r} is shared by {unit} channels at a time, in "
                    f"their order, but {task} gives {list(run)}; give "
                    f"{list(range(first, first + unit))}"
                )
