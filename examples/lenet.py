"""The LeNets of the pruning and zipping papers, with ReLU."""

from torch import nn


def lenet5() -> nn.Module:
    """20 and 50 filters of 5 × 5, 500 hidden units: (n, 1, 28, 28) → (n, 10) class scores."""
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


def lenet300() -> nn.Module:
    """LeNet-300-100, two hidden layers: (n, 1, 28, 28) → (n, 10) class scores."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(28 * 28, 300),
        nn.ReLU(),
        nn.Linear(300, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
