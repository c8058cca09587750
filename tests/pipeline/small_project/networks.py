"""The network of both tasks: images (n, 1, 12, 12) → scores (n, 4)."""

from sizes import HIDDEN
from torch import nn


def network() -> nn.Module:
    """Not trained; the weights come from a file."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(150, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, 4),
    )
