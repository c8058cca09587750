"""The data of the two example tasks: handwritten digits (MNIST) and clothing (Fashion-MNIST)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from idx_files import FASHION_MNIST, MNIST, Dataset, fetch, read_images, read_labels

CALIBRATION_IMAGES = 10_000
BATCH_IMAGES = 500
MEAN_AND_DEVIATION = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}


def digits_calibration() -> Iterator[torch.Tensor]:
    """Unlabelled training images of MNIST: batches (n, 1, 28, 28)."""
    return _calibration(MNIST)


def digits_evaluation() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The test set of MNIST: batches (n, 1, 28, 28) and (n,)."""
    return _evaluation(MNIST)


def fashion_calibration() -> Iterator[torch.Tensor]:
    """Unlabelled training images of Fashion-MNIST: batches (n, 1, 28, 28)."""
    return _calibration(FASHION_MNIST)


def fashion_evaluation() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The test set of Fashion-MNIST: batches (n, 1, 28, 28) and (n,)."""
    return _evaluation(FASHION_MNIST)


def load(dataset: Dataset, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 1, 28, 28), normalised, and labels (n,) of part `train` or `t10k`."""
    folder = fetch(dataset)
    images = _normalised(dataset, folder / f"{part}-images-idx3-ubyte")
    labels = read_labels(folder / f"{part}-labels-idx1-ubyte")
    return images, torch.from_numpy(labels.astype(np.int64))


def _normalised(dataset: Dataset, path: Path) -> torch.Tensor:
    mean, deviation = MEAN_AND_DEVIATION[dataset.name]
    pixels = read_images(path).astype(np.float32) / 255
    return torch.from_numpy((pixels - mean) / deviation).unsqueeze(1)


def _calibration(dataset: Dataset) -> Iterator[torch.Tensor]:
    images, _ = load(dataset, "train")
    yield from images[:CALIBRATION_IMAGES].split(BATCH_IMAGES)


def _evaluation(dataset: Dataset) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    images, labels = load(dataset, "t10k")
    yield from zip(images.split(BATCH_IMAGES), labels.split(BATCH_IMAGES), strict=True)
