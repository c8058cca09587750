"""A plan is data: which channels become one in each layer, and what that is predicted to cost."""

import difflib
from typing import Literal

from taskzip.contracts.config import Share
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Count, TaskName
from taskzip.pipeline.zipper.chain import Chain


class LayerPlan(Document):
    """One hidden layer."""

    name: str
    groups: dict[TaskName, tuple[Count, ...]]
    """The g-th entries of all tasks are the channels that become shared channel g."""
    of: dict[TaskName, Count]
    """How many channels each task has; those in no group stay its own, in their order."""
    costs: tuple[float, ...]
    """For each group ½ Σ_t (w_t − f)ᵀ H_t (w_t − f): half its squared error before activation."""

    @property
    def shared(self) -> int:
        """How many channels are shared."""
        return len(self.costs)

    def own(self, task: str) -> tuple[int, ...]:
        """The channels that stay the task's own."""
        taken = set(self.groups[task])
        return tuple(each for each in range(self.of[task]) if each not in taken)

    def order(self, task: str) -> tuple[int, ...]:
        """The task's channels as the joint network has them: shared ones first."""
        return self.groups[task] + self.own(task)


class Plan(Document):
    """All hidden layers, from the input on; made layer by layer."""

    format: Literal[1] = 1
    method: str
    layers: tuple[LayerPlan, ...]


def shared_counts(share: Share | dict[str, Share], chains: dict[str, Chain]) -> tuple[int, ...]:
    """How many channels each hidden layer shares; BadInput when the layers cannot share so many."""
    first = next(iter(chains.values()))
    names = [layer.name for layer in first.hidden]
    if isinstance(share, dict):
        _check_names(share, names, first.layers[-1].name)
    counts: list[int] = []
    for depth, name in enumerate(names):
        wanted = share.get(name, 1.0) if isinstance(share, dict) else share
        width = min(chain.layers[depth].outputs for chain in chains.values())
        count = _count(wanted, width, name)
        if count and counts and counts[-1] == 0:
            raise BadInput(
                f"zip.share: layer {name!r} cannot share {count} channels, since the layer before "
                f"it, {names[depth - 1]!r}, shares none; share some there, or set {name!r} to 0"
            )
        counts.append(count)
    return tuple(counts)


def _count(wanted: Share, width: int, name: str) -> int:
    if isinstance(wanted, int):
        if wanted > width:
            raise BadInput(
                f"zip.share: layer {name!r} cannot share {wanted} channels; the narrowest task "
                f"has {width} there (1.0 means all)"
            )
        return wanted
    return max(1, round(wanted * width)) if wanted > 0 else 0


def _check_names(share: dict[str, Share], names: list[str], head: str) -> None:
    for name in share:
        if name == head:
            raise BadInput(f"zip.share: {name!r} is the output layer, which is never shared")
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInput(
                f"zip.share: no hidden layer is called {name!r}{hint} "
                f"(known: {', '.join(names) or 'none'})"
            )
