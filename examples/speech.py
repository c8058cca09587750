"""A small network for signals: two convolutions along time and one hidden layer."""

from torch import nn


def speech() -> nn.Module:
    """32 and 64 filters of 3, 128 hidden units: (n, 12, 29) → (n, 9) class scores."""
    return nn.Sequential(
        nn.Conv1d(12, 32, 3),
        nn.ReLU(),
        nn.MaxPool1d(3),
        nn.Conv1d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 9, 128),
        nn.ReLU(),
        nn.Linear(128, 9),
    )
