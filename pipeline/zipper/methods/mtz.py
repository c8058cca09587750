"""Multi-Task Zipping (He, Zhou, Thiele, NeurIPS 2018): pairs and vectors by the layer's Hessian."""

from collections.abc import Sequence

import numpy as np
import torch

from taskzip.pipeline.zipper.assign import PAIRINGS
from taskzip.pipeline.zipper.methods.method import Scene
from taskzip.pipeline.zipper.optimum import optimum
from taskzip.pipeline.zipper.pairing import Candidates, match
from taskzip.pipeline.zipper.second_moment import SecondMoment


class Mtz:
    """The cheapest pairs, and the exact minimum of what merging them costs."""

    refits = True

    def prepare(self, scene: Scene) -> None:
        """Remember how pairs are chosen."""
        self._pairing = PAIRINGS[scene.config.pairing]

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """By the increase of the squared error before activation, for any number of tasks."""
        return match(candidates, count, self._pairing)

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """f = (Σ H_t)⁻¹ Σ H_t w_t."""
        return optimum(moments, weights)
