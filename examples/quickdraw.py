"""QuickDraw (Google, CC BY 4.0): 345 categories of 100 drawings, 28 × 28, drawn in 20 seconds."""

from functools import cache

import numpy as np
import torch
from data_files import fetch
from quickdraw_files import ARCHIVE, QUICKDRAW, read_all, read_drawings

TRAINING_DRAWINGS = 70
"""Of each category, in the package's order; the remaining 30 are the test part."""
MEAN, DEVIATION = 0.1574, 0.3182


def load(part: str, categories: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Drawings (n, 1, 28, 28), normalised, and labels (n,) as positions in `categories`.

    `part` is `train` or `test`. The labels of neighbours differ, so that a batch shows all.
    """
    drawings = read_drawings(fetch(QUICKDRAW) / ARCHIVE, categories)
    rows = slice(TRAINING_DRAWINGS) if part == "train" else slice(TRAINING_DRAWINGS, None)
    chosen = drawings[:, rows].swapaxes(0, 1)
    labels = np.broadcast_to(np.arange(len(categories)), chosen.shape[:2]).reshape(-1)
    return _prepared(chosen), torch.from_numpy(labels.copy())


@cache
def load_all(tested: tuple[str, ...]) -> torch.Tensor:
    """(n, 1, 28, 28), normalised: the drawings of all categories in a fixed order without one, but
    for the test part of those that are `tested`.
    """
    drawings = read_all(fetch(QUICKDRAW) / ARCHIVE, tested, TRAINING_DRAWINGS)
    return _prepared(drawings[np.random.default_rng(0).permutation(len(drawings))])


def _prepared(drawings: np.ndarray) -> torch.Tensor:
    """(…, 28, 28) from 0 to 1 → (n, 1, 28, 28)."""
    return (torch.from_numpy(drawings.reshape(-1, 1, 28, 28)) - MEAN) / DEVIATION
