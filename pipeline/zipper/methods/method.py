"""What a zipping method decides: which channels become one, and which vector stands for them.

Letters: N channels of a task, S groups, P inputs from shared channels with the bias's constant 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from taskzip.contracts.config import ZipConfig
from taskzip.pipeline.graph.channels import Channels
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.added import Split
from taskzip.pipeline.zipper.align import Alignment
from taskzip.pipeline.zipper.pairing import Candidates
from taskzip.pipeline.zipper.second_moment import SecondMoment


@dataclass(frozen=True)
class Scene:
    """All that a method may look at before anything is merged."""

    tasks: Sequence[Task]
    networks: dict[str, Channels]
    alignment: Alignment
    counts: tuple[int, ...]
    """How many channels each group shares, at most where it has a limit."""
    limits: tuple[float | None, ...]
    """What each channel of a group may cost, relative to its power; None: anything."""
    config: ZipConfig


class Method(Protocol):
    """One way to zip. `prepare` comes first, then `pair` once a group and `merge` once a layer."""

    refits: bool
    """Whether layers are solved again for what merging gives them, unless the config says."""
    weighs_errors: bool
    """Whether `merge` looks at moments: each task's vector counts where its data is."""
    hosts: bool
    """Whether all tasks get what the first one has, from the first layer on that is shared."""

    def prepare(self, scene: Scene) -> None:
        """Look at whole networks, if the method must."""

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """For each task, which channel, or unit of them, takes part in each of `count` groups."""

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The vectors (S, P) that stand for `weights` (S, P) of every task."""

    def split(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], columns: int
    ) -> Split:
        """The same, and what each task adds to them, in the first `columns` of P inputs."""


class AddsNothing:
    """Methods whose vectors stand alone, for all tasks alike."""

    hosts = False

    def split(
        self: Method,
        moments: Sequence[SecondMoment],
        weights: Sequence[torch.Tensor],
        columns: int,
    ) -> Split:
        """What `merge` gives."""
        return Split(self.merge(moments, weights))
