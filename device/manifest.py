"""What is to lie on the device: local files, and where each goes below the working folder."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RelativePath
from taskzip.device.runner.package import RunnerPackage

BUNDLE_DIR = "bundle"
RUNNER_DIR = "runner"

PLAIN_MODE = 0o644

_RELATIVE: TypeAdapter[str] = TypeAdapter(RelativePath)


@dataclass(frozen=True)
class Item:
    """A file to push; `path` is relative to the working folder on the device."""

    local: Path
    path: str
    bytes: int
    sha256: str
    mode: int = PLAIN_MODE

    def __post_init__(self) -> None:
        _RELATIVE.validate_python(self.path)


def bundle_items(folder: Path) -> tuple[Item, ...]:
    """The files that a bundle's manifest lists; BadInput when it is missing or wrong."""
    bundle = Bundle.read(folder / BUNDLE_FILE)
    return tuple(
        Item(folder / file.path, f"{BUNDLE_DIR}/{file.path}", file.bytes, file.sha256)
        for file in (*bundle.models, *bundle.data)
    )


def runner_items(package: RunnerPackage) -> tuple[Item, ...]:
    """The files of a runner package."""
    return tuple(
        Item(package.folder / path, f"{RUNNER_DIR}/{path}", size, sha256, mode)
        for path, size, sha256, mode in package.files
    )


def hash_file(path: Path) -> str:
    """The SHA-256 of a local file in hexadecimal; BadInput when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error


def total_bytes(items: Iterable[Item]) -> int:
    """The bytes of all items together."""
    return sum(item.bytes for item in items)
