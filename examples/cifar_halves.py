"""CIFAR-10 split into two tasks of five classes: the first five and the last five."""

from collections.abc import Iterator
from functools import partial

import torch
from cifar10 import CLASSES, load
from task_data import Labelled, TaskData

FIRST = TaskData("cifar10, classes 0 to 4", partial(load, classes=CLASSES[:5]))
LAST = TaskData("cifar10, classes 5 to 9", partial(load, classes=CLASSES[5:]))


def first_calibration() -> Iterator[torch.Tensor]:
    """2,000 unlabelled training images of the first five classes: batches (n, 3, 32, 32)."""
    return FIRST.calibration()


def first_training() -> Iterator[Labelled]:
    """The 25,000 training images of the first five classes: batches (n, 3, 32, 32) and (n,)."""
    return FIRST.training()


def first_evaluation() -> Iterator[Labelled]:
    """The 5,000 test images of the first five classes: batches (n, 3, 32, 32) and (n,)."""
    return FIRST.evaluation()


def last_calibration() -> Iterator[torch.Tensor]:
    """2,000 unlabelled training images of the last five classes: batches (n, 3, 32, 32)."""
    return LAST.calibration()


def last_training() -> Iterator[Labelled]:
    """The 25,000 training images of the last five classes: batches (n, 3, 32, 32) and (n,)."""
    return LAST.training()


def last_evaluation() -> Iterator[Labelled]:
    """The 5,000 test images of the last five classes: batches (n, 3, 32, 32) and (n,)."""
    return LAST.evaluation()
