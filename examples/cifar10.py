"""CIFAR-10 (A. Krizhevsky, 2009): colour photographs of ten classes, 32 × 32."""

import numpy as np
import torch
from cifar10_files import CIFAR10, IMAGE_FILES, LABEL_FILES, read_images, read_labels
from data_files import fetch

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CHANNEL_MEAN = (0.4914, 0.4822, 0.4465)
CHANNEL_DEVIATION = (0.2470, 0.2435, 0.2616)


def load(part: str, classes: tuple[str, ...] = CLASSES) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 3, 32, 32), normalised, and labels (n,) as positions in `classes`.

    `part` is `train` (50,000 images of ten classes) or `test` (10,000).
    """
    folder = fetch(CIFAR10)
    labels = read_labels(folder / LABEL_FILES[part])
    pixels = np.concatenate([read_images(folder / name) for name in IMAGE_FILES[part]])
    position = np.full(len(CLASSES), -1)
    position[[CLASSES.index(name) for name in classes]] = np.arange(len(classes))
    wanted = position[labels] >= 0
    images = torch.from_numpy(pixels[wanted]).permute(0, 3, 1, 2).float().div_(255)
    mean, deviation = torch.tensor(CHANNEL_MEAN), torch.tensor(CHANNEL_DEVIATION)
    images.sub_(mean[:, None, None]).div_(deviation[:, None, None])
    return images, torch.from_numpy(position[labels][wanted])
