"""What is to lie on the device: local files, and where each goes below the working folder."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash
from pydantic import TypeAdapter

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RelativePath
from taskzip.device.runner.package import RunnerPackage

BUNDLE_DIR = "bundle"
RUNNER_DIR = "runner"
PROVER_PATH = f"{RUNNER_DIR}/bin/taskzip-prover"

_CHUNK_BYTES = 1 << 20

_RELATIVE: TypeAdapter[str] = TypeAdapter(RelativePath)


@dataclass(frozen=True)
class Item:
    """A file to push; `path` is relative to the working folder on the device."""

    local: Path
    path: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        _RELATIVE.validate_python(self.path)


def bundle_items(folder: Path) -> tuple[Item, ...]:
    """The files that a bundle's manifest lists; BadInput when it is wrong or leads elsewhere."""
    bundle = Bundle.read(folder / BUNDLE_FILE)
    return tuple(
        Item(_within(folder, file.path), f"{BUNDLE_DIR}/{file.path}", file.bytes, file.sha256)
        for file in (*bundle.models, *bundle.data)
    )


def refuse_changed(item: Item, start: int = 0) -> str:
    """The XXH64 of the local file from a byte on; BadInput if it is not the manifest's file."""
    digest, rest = hashlib.sha256(), xxhash.xxh64()
    at = 0
    for data in _chunks(item.local):
        digest.update(data)
        rest.update(memoryview(data)[min(max(start - at, 0), len(data)) :])
        at += len(data)
    if digest.hexdigest() != item.sha256:
        raise BadInput(f"{item.local} is not what its manifest says; make the bundle again")
    return rest.hexdigest()


def _within(folder: Path, path: str) -> Path:
    """A file of the folder; BadInput where a link leads out of it."""
    if not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{folder / path} is a link to outside the bundle; make the bundle again")
    return folder / path


def runner_items(package: RunnerPackage) -> tuple[Item, ...]:
    """The files of a runner package."""
    return tuple(
        Item(package.folder / file.path, f"{RUNNER_DIR}/{file.path}", file.bytes, file.sha256)
        for file in package.files
    )


def prover_item(program: Path) -> Item:
    """The prover, which is pushed before what it proves."""
    return Item(program, PROVER_PATH, program.stat().st_size, hash_file(program))


def hash_file(path: Path, length: int | None = None) -> str:
    """The SHA-256 of a local file, or of its first `length` bytes; BadInput if unreadable."""
    digest = hashlib.sha256()
    for data in _chunks(path, sys.maxsize if length is None else length):
        digest.update(data)
    return digest.hexdigest()


def _chunks(path: Path, length: int = sys.maxsize) -> Iterator[bytes]:
    left = length
    try:
        with path.open("rb") as file:
            while data := file.read(min(_CHUNK_BYTES, left)):
                yield data
                left -= len(data)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error


def total_bytes(items: Iterable[Item]) -> int:
    """The bytes of all items together."""
    return sum(item.bytes for item in items)
