"""What is to lie on the device: local files, and where each goes below the working folder."""

import hashlib
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RelativePath

BUNDLE_DIR = "bundle"
RUNNER_DIR = "runner"

PLAIN_MODE = 0o644
PROGRAM_MODE = 0o755

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


class RunnerFiles(Protocol):
    """What is pushed of a runner package: all files of its folder."""

    @property
    def folder(self) -> Path:
        """The folder with `bin/`, `lib/` and whatever else the runner needs."""

    @property
    def runtime_versions(self) -> Mapping[str, str]:
        """Release by runtime, as the runner was built with them."""


def runner_items(package: RunnerFiles) -> tuple[Item, ...]:
    """The files of a runner package; those that may be executed here may be there."""
    files = sorted(path for path in package.folder.rglob("*") if path.is_file())
    return tuple(_runner_item(package.folder, path) for path in files)


def _runner_item(folder: Path, path: Path) -> Item:
    status = path.stat()
    mode = PROGRAM_MODE if status.st_mode & stat.S_IXUSR else PLAIN_MODE
    target = f"{RUNNER_DIR}/{path.relative_to(folder).as_posix()}"
    return Item(path, target, status.st_size, hash_file(path), mode)


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
