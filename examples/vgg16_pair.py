"""Photographs of vehicles and pictures of clothing, made as large as VGG-16 takes them."""

from collections.abc import Iterator
from functools import cache

import torch
from nine_tasks import TASKS
from torch.nn.functional import interpolate
from vgg import IMAGE_SIZE

CLASSES = {task: TASKS[task][1] for task in ("vehicles", "clothing")}
BATCH_IMAGES = 16
MOST_IMAGES = 1_024
"""Kept in memory at their own size, 12 KiB each."""


def vehicles_64() -> Iterator[torch.Tensor]:
    """64 unlabelled training images of four kinds of vehicles: batches (n, 3, 224, 224)."""
    return _images("vehicles", "train", 64)


def vehicles_256() -> Iterator[torch.Tensor]:
    """256 unlabelled training images of four kinds of vehicles: batches (n, 3, 224, 224)."""
    return _images("vehicles", "train", 256)


def vehicles_evaluation() -> Iterator[torch.Tensor]:
    """32 test images of vehicles, without labels: batches (n, 3, 224, 224)."""
    return _images("vehicles", "test", 32)


def clothing_64() -> Iterator[torch.Tensor]:
    """64 unlabelled training images of ten kinds of clothing: batches (n, 3, 224, 224)."""
    return _images("clothing", "train", 64)


def clothing_256() -> Iterator[torch.Tensor]:
    """256 unlabelled training images of ten kinds of clothing: batches (n, 3, 224, 224)."""
    return _images("clothing", "train", 256)


def clothing_evaluation() -> Iterator[torch.Tensor]:
    """32 test images of clothing, without labels: batches (n, 3, 224, 224)."""
    return _images("clothing", "test", 32)


def _images(task: str, part: str, images: int) -> Iterator[torch.Tensor]:
    """The first images of part `train` or `test`, enlarged, without labels."""
    small = _first(task, part)
    for start in range(0, images, BATCH_IMAGES):
        chosen = small[start : min(start + BATCH_IMAGES, images)]
        yield interpolate(chosen, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear")


@cache
def _first(task: str, part: str) -> torch.Tensor:
    images, _ = TASKS[task][0].load(part)
    return images[:MOST_IMAGES].clone()
