"""MNIST and Fashion-MNIST as tasks: 60,000 training and 10,000 test images, 28 × 28, grey."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from data_files import Dataset, fetch
from idx_files import FASHION_MNIST, MNIST, read_images, read_labels
from task_data import Labelled, TaskData

MEAN_AND_DEVIATION = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}
_FILE_PART = {"train": "train", "test": "t10k"}


def load(dataset: Dataset, part: str) -> Labelled:
    """Images (n, 1, 28, 28), normalised, and labels (n,) of part `train` or `test`."""
    stem = fetch(dataset) / _FILE_PART[part]
    mean, deviation = MEAN_AND_DEVIATION[dataset.name]
    pixels = read_images(stem.with_name(f"{stem.name}-images-idx3-ubyte")).astype(np.float32) / 255
    labels = read_labels(stem.with_name(f"{stem.name}-labels-idx1-ubyte")).astype(np.int64)
    return torch.from_numpy((pixels - mean) / deviation).unsqueeze(1), torch.from_numpy(labels)


DIGITS = TaskData(MNIST.name, partial(load, MNIST))
FASHION = TaskData(FASHION_MNIST.name, partial(load, FASHION_MNIST))


def digits_calibration() -> Iterator[torch.Tensor]:
    """2,000 unlabelled training images of MNIST: batches (n, 1, 28, 28)."""
    return DIGITS.calibration()


def digits_calibration_20000() -> Iterator[torch.Tensor]:
    """20,000 unlabelled training images of MNIST: batches (n, 1, 28, 28)."""
    return DIGITS.calibration(20_000)


def digits_training() -> Iterator[Labelled]:
    """The training set of MNIST: batches (n, 1, 28, 28) and (n,)."""
    return DIGITS.training()


def digits_evaluation() -> Iterator[Labelled]:
    """The test set of MNIST: batches (n, 1, 28, 28) and (n,)."""
    return DIGITS.evaluation()


def fashion_calibration() -> Iterator[torch.Tensor]:
    """2,000 unlabelled training images of Fashion-MNIST: batches (n, 1, 28, 28)."""
    return FASHION.calibration()


def fashion_evaluation() -> Iterator[Labelled]:
    """The test set of Fashion-MNIST: batches (n, 1, 28, 28) and (n,)."""
    return FASHION.evaluation()
