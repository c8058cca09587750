"""Stamps: whether a stage's inputs and outputs are as its last run left them. Imports no framework.

What a user's data functions read is not known here: files other than weights and Python modules
may change without a stage noticing.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import taskzip
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput

_OWN_ROOMS = ("contracts", "pipeline")
ABSENT = "absent"
ZIP_PACKAGES = ("torch", "numpy", "scipy", "safetensors", "torchvision", "timm", "keras")


class Stamp(Document):
    """What a stage read and wrote."""

    format: Literal[1] = 1
    inputs: dict[str, str]
    """What it is called in messages → hash or version."""
    sources: dict[str, str]
    """The user's modules, below the config's folder → sha256; known once they were imported."""
    outputs: dict[str, str]
    """Path below the output folder → sha256."""


def reasons_to_run(
    path: Path, inputs: Mapping[str, str], folder: Path, out_dir: Path
) -> tuple[str, ...]:
    """Why a stage has to run, in words; empty if its stamp at `path` holds."""
    try:
        stamp = Stamp.read(path)
    except BadInput:
        return ("it has not run here before",)
    changed = different(stamp.inputs, inputs)
    sources = different(stamp.sources, hashes(stamp.sources, folder))
    found = hashes(stamp.outputs, out_dir)
    missing = {name for name, digest in found.items() if digest == ABSENT}
    outputs = sorted({*missing, *different(stamp.outputs, found)})
    return (
        *(f"{name} changed" for name in (*changed, *sources)),
        *(f"{name} is not what was written" for name in outputs),
    )


def write_stamp(
    path: Path,
    inputs: Mapping[str, str],
    outputs: Iterable[str],
    out_dir: Path,
    sources: Mapping[str, str] | None = None,
) -> None:
    """Record a stage that has just run; `outputs` lie below `out_dir`."""
    Stamp(inputs=dict(inputs), sources=dict(sources or {}), outputs=hashes(outputs, out_dir)).write(
        path
    )


def hash_file(path: Path) -> str:
    """The sha256 of a file's bytes, or "absent"."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ABSENT


def hash_data(data: object) -> str:
    """The sha256 of JSON data, independent of the order of keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def hashes(paths: Iterable[str], folder: Path) -> dict[str, str]:
    """The sha256 of each file below `folder`."""
    return {path: hash_file(folder / path) for path in paths}


def imported_sources(folder: Path) -> dict[str, str]:
    """The modules imported from `folder`, hashed; not those installed in an environment inside."""
    found = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).is_relative_to(folder):
            path = Path(file).relative_to(folder)
            if "site-packages" not in path.parts:
                found.add(path.as_posix())
    return hashes(sorted(found), folder)


def own_code() -> str:
    """The version and a hash of the pipeline's own source files."""
    root = Path(taskzip.__file__).parent
    files = (path for room in _OWN_ROOMS for path in (root / room).rglob("*.py"))
    names = sorted(path.relative_to(root).as_posix() for path in files)
    return f"{taskzip.__version__} {hash_data(hashes(names, root))}"


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Package → version, or "absent"."""
    return {name: _version(name) for name in packages}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ABSENT


def different(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """The names of what is not the same in both."""
    return tuple(name for name in sorted({*before, *now}) if before.get(name) != now.get(name))
