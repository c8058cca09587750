"""A small network of three convolutions and one hidden layer."""

from torch import nn


def conv3() -> nn.Module:
    """16, 32 and 64 filters of 3 × 3, 128 hidden units: (n, 1, 28, 28) → (n, 10) class scores."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 3 * 3, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
