"""Hybrid networks that begin as one task's: the first one's trunk for all, to be trained."""

from collections.abc import Sequence

import torch

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.methods.method import Scene
from taskzip.pipeline.zipper.methods.mtz import Mtz
from taskzip.pipeline.zipper.second_moment import SecondMoment


class Hosted(Mtz):
    """MTZ's pairs, where layers of each task's own come first; then what the first task has."""

    weighs_errors = False
    hosts = True

    def prepare(self, scene: Scene) -> None:
        """BadInput unless all channels can be shared, and are."""
        super().prepare(scene)
        for group, count in zip(scene.alignment.groups, scene.counts, strict=True):
            if set(group.widths.values()) != {count}:
                widths = ", ".join(f"{task} {width}" for task, width in group.widths.items())
                raise BadInput(
                    f'hybrid_start = "first": layer {group.name!r} shares {count} channels of '
                    f"{widths}; the first task's trunk can stand for all only where every channel "
                    "has one: share all, or keep the first layers in zip.private_layers"
                )

    def merge(
        self, moments: Sequence[SecondMoment], weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """The first task's."""
        return weights[0].clone()
