"""Photographs of vehicles and pictures of clothing, made as large as VGG-16 takes them."""

from collections.abc import Iterator
from functools import cache

import torch
from nine_tasks import TASKS
from task_data import Labelled
from torch.nn.functional import interpolate
from vgg import IMAGE_SIZE

CLASSES = {task: TASKS[task][1] for task in ("vehicles", "clothing")}
BATCH_IMAGES = 16
MOST_IMAGES = 1_024
"""Kept in memory at their own size, 12 KiB each."""


def vehicles_64() -> Iterator[torch.Tensor]:
    """64 unlabelled training images of four kinds of vehicles: batches (n, 3, 224, 224)."""
    return _calibration("vehicles", 64)


def vehicles_256() -> Iterator[torch.Tensor]:
    """256 unlabelled training images of four kinds of vehicles: batches (n, 3, 224, 224)."""
    return _calibration("vehicles", 256)


def vehicles_evaluation() -> Iterator[Labelled]:
    """32 test images of vehicles: batches (n, 3, 224, 224) and (n,)."""
    return labelled("vehicles", "test", 32)


def clothing_64() -> Iterator[torch.Tensor]:
    """64 unlabelled training images of ten kinds of clothing: batches (n, 3, 224, 224)."""
    return _calibration("clothing", 64)


def clothing_256() -> Iterator[torch.Tensor]:
    """256 unlabelled training images of ten kinds of clothing: batches (n, 3, 224, 224)."""
    return _calibration("clothing", 256)


def clothing_evaluation() -> Iterator[Labelled]:
    """32 test images of clothing: batches (n, 3, 224, 224) and (n,)."""
    return labelled("clothing", "test", 32)


def labelled(task: str, part: str, images: int, size: int = IMAGE_SIZE) -> Iterator[Labelled]:
    """The first images of part `train` or `test`, enlarged: batches (n, 3, size, size) and (n,)."""
    small, labels = _first(task, part)
    for start in range(0, images, BATCH_IMAGES):
        chosen = slice(start, min(start + BATCH_IMAGES, images))
        enlarged = interpolate(small[chosen], size=(size, size), mode="bilinear")
        yield enlarged, labels[chosen]


def _calibration(task: str, images: int) -> Iterator[torch.Tensor]:
    return (batch for batch, _ in labelled(task, "train", images))


@cache
def _first(task: str, part: str) -> Labelled:
    images, labels = TASKS[task][0].load(part)
    return images[:MOST_IMAGES].clone(), labels[:MOST_IMAGES].clone()
