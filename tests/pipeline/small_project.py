"""A user's folder for tests: two small networks, their weights, data and config."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

NETWORKS = """
from torch import nn
from sizes import HIDDEN


def network():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(150, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 4),
    )
"""
SIZES = "HIDDEN = 48\n"
DATA = """
import torch


def _batch(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(64, 1, 12, 12, generator=generator)


def calibration():
    yield from (_batch(1), _batch(2))


def evaluation():
    x = _batch(3)
    yield x, torch.arange(len(x)) % 4
"""
CONFIG = """
[[tasks]]
name = "day"
network = "networks:network"
weights = "day.safetensors"
calibration = "data:calibration"
evaluation = "data:evaluation"

[[tasks]]
name = "night"
network = "networks:network"
weights = "night.safetensors"
calibration = "data:calibration"
"""


def write_project(folder: Path) -> Path:
    """Fill `folder`; returns the config's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("networks", NETWORKS), ("sizes", SIZES), ("data", DATA)):
        (folder / f"{name}.py").write_text(text)
    for seed, name in enumerate(("day", "night")):
        write_weights(folder / f"{name}.safetensors", seed)
    config = folder / "project.toml"
    config.write_text(CONFIG)
    return config


def write_weights(path: Path, seed: int) -> None:
    """Weights of one network, the same for the same seed."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(150, 48),
        nn.ReLU(),
        nn.Linear(48, 4),
    )
    save_file(network.state_dict(), path)
