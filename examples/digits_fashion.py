"""The data of the two example tasks: handwritten digits (MNIST) and clothing (Fashion-MNIST)."""

from collections.abc import Iterator

import torch
from idx_tasks import DIGITS, FASHION, digits_evaluation, fashion_evaluation

__all__ = ["digits_calibration", "digits_evaluation", "fashion_calibration", "fashion_evaluation"]

CALIBRATION_IMAGES = 10_000


def digits_calibration() -> Iterator[torch.Tensor]:
    """Unlabelled training images of MNIST: batches (n, 1, 28, 28)."""
    return DIGITS.calibration(CALIBRATION_IMAGES)


def fashion_calibration() -> Iterator[torch.Tensor]:
    """Unlabelled training images of Fashion-MNIST: batches (n, 1, 28, 28)."""
    return FASHION.calibration(CALIBRATION_IMAGES)
