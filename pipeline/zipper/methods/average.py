"""The plain baselines: averages of near pairs, pairs by chance, one task's trunk for all."""

from collections.abc import Sequence

import numpy as np
import torch

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.assign import PAIRINGS
from taskzip.pipeline.zipper.methods.method import AddsNothing, Scene
from taskzip.pipeline.zipper.optimum import mean, optimum
from taskzip.pipeline.zipper.pairing import Candidates, l2_costs, match
from taskzip.pipeline.zipper.second_moment import SecondMoment


class Average(AddsNothing):
    """Pairs of least distance between weights, and their mean; no data."""

    refits = False
    weighs_errors = False

    def prepare(self, scene: Scene) -> None:
        """Remember how pairs are chosen."""
        self._pairing = PAIRINGS[scene.config.pairing]

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """By ½ ‖a − b‖²."""
        return match(candidates, count, self._pairing, _distances, _mean)

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The mean."""
        return mean(weights)


class Random(AddsNothing):
    """Pairs by chance, merged as MTZ merges them: the baseline of He et al. 2018, figure 3."""

    refits = False
    weighs_errors = True

    def prepare(self, scene: Scene) -> None:
        """Remember the seed."""
        self._seed = scene.config.seed

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """Channels of each task in an order drawn for it."""
        return [
            np.random.default_rng((self._seed, group, task)).permutation(len(each.weights))[:count]
            for task, each in enumerate(candidates)
        ]

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """f = (Σ H_t)⁻¹ Σ H_t w_t."""
        return optimum(moments, weights)


class HeadsOnly(AddsNothing):
    """The first task's trunk for all; every task keeps its head."""

    refits = False
    weighs_errors = False

    def prepare(self, scene: Scene) -> None:
        """BadInput unless all trunks are of one shape."""
        for group in scene.alignment.groups:
            if len(set(group.widths.values())) > 1:
                widths = ", ".join(f"{task} {width}" for task, width in group.widths.items())
                raise BadInput(
                    f"heads-only: layer {group.name!r} has other widths ({widths}); one task's "
                    "trunk can stand for all only where all are alike"
                )

    def pair(self, group: int, candidates: Sequence[Candidates], count: int) -> list[np.ndarray]:
        """Channels stay where they are."""
        return [np.arange(count) for _ in candidates]

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The first task's."""
        return weights[0].clone()


def _distances(
    a_moment: SecondMoment, a: torch.Tensor, b_moment: SecondMoment, b: torch.Tensor
) -> np.ndarray:
    return l2_costs(a, b)


def _mean(moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]) -> torch.Tensor:
    return mean(weights)
