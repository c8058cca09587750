"""LeNet-5 with ReLU: 20 and 50 convolution filters of 5 × 5, 500 hidden units, 10 classes."""

from torch import nn


def lenet5() -> nn.Module:
    """A network for 28 × 28 grey images, untrained: (n, 1, 28, 28) → (n, 10) class scores."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(50 * 4 * 4, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )
