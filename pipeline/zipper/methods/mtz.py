"""Multi-Task Zipping (He, Zhou, Thiele, NeurIPS 2018): pairs and vectors by the layer's Hessian."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from taskzip.pipeline.zipper.assign import PAIRINGS
from taskzip.pipeline.zipper.methods.method import AddsNothing, Scene
from taskzip.pipeline.zipper.optimum import optimum
from taskzip.pipeline.zipper.pairing import Candidates, match
from taskzip.pipeline.zipper.second_moment import SecondMoment


class Mtz(AddsNothing):
    """The cheapest pairs, and the exact minimum of what merging them costs."""

    refits = True
    weighs_errors = True

    def prepare(self, scene: Scene) -> None:
        """Remember how pairs are chosen, and whether what reads them is solved again."""
        self._pairing = PAIRINGS[scene.config.pairing]
        self._shifts_are_free = bool(scene.config.refit)

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """By the increase of the squared error before activation, for any number of tasks.

        With the refit, by the error that no shift of the channel undoes: what reads it is solved
        again with a bias, so a constant by which two channels differ does not keep them apart.
        """
        if self._shifts_are_free:
            candidates = [replace(each, moment=each.moment.centred()) for each in candidates]
        return match(candidates, count, self._pairing)

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """f = (Σ H_t)⁻¹ Σ H_t w_t."""
        return optimum(moments, weights)
