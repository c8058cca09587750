"""Hybrid compression (Xie, Sun, Huang 2022): shared weights, and a sparse part of each task."""

from collections.abc import Sequence

import torch

from taskzip.pipeline.zipper.added import Choice, Split, split
from taskzip.pipeline.zipper.methods.method import Scene
from taskzip.pipeline.zipper.methods.mtz import Mtz
from taskzip.pipeline.zipper.second_moment import SecondMoment


class Hybrid(Mtz):
    """MTZ's pairs; what one vector cannot say for all tasks, few entries of each task say."""

    def prepare(self, scene: Scene) -> None:
        """Remember how pairs and entries are chosen."""
        super().prepare(scene)
        self._config = scene.config

    def split(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor], columns: int
    ) -> Split:
        """`hybrid_density` of all tasks' weights as entries, found together with what is shared."""
        config = self._config
        entries = round(config.hybrid_density * len(weights) * len(weights[0]) * columns)
        wanted = Choice(entries, columns, config.hybrid_criterion, config.hybrid_rounds)
        return split(moments, weights, wanted)
