"""What a task's functions yield: unlabelled calibration batches and labelled test batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

BATCH_IMAGES = 500
Labelled = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class TaskData:
    """A task's data set: `load("train")` and `load("test")` give images (n, …) and labels (n,)."""

    name: str
    load: Callable[[str], Labelled]

    def calibration(self, images: int = 2_000) -> Iterator[torch.Tensor]:
        """The first training images, without labels: batches (n, …)."""
        loaded, _ = self.load("train")
        yield from loaded[:images].split(BATCH_IMAGES)

    def training(self) -> Iterator[Labelled]:
        """The training set: batches (n, …) and (n,)."""
        images, labels = self.load("train")
        yield from zip(images.split(BATCH_IMAGES), labels.split(BATCH_IMAGES), strict=True)

    def evaluation(self) -> Iterator[Labelled]:
        """The test set: batches (n, …) and (n,)."""
        images, labels = self.load("test")
        yield from zip(images.split(BATCH_IMAGES), labels.split(BATCH_IMAGES), strict=True)
