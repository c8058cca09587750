"""What goes to the device: the runner and the libraries it needs, no more."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from taskzip.device.runner.errors import RunnerBuildError
from taskzip.device.runner.target import Toolchain

PROGRAM = "bin/taskzip-runner"
LOADER_PREFIX = "lib/ld-linux"
_RUN = 0o755
_READ = 0o644


class PackageFile(NamedTuple):
    """One file to push; `path` is relative to the package, `mode` its permission bits."""

    path: str
    bytes: int
    sha256: str
    mode: int


@dataclass(frozen=True)
class RunnerPackage:
    """A built runner: `folder` holds `files` and may be pushed as it is."""

    folder: Path
    files: tuple[PackageFile, ...]
    version: str
    """What its hello line says as `runner_version`."""
    runtime_versions: Mapping[str, str]
    prover: Path | None = None
    """For the same machine; without one files are hashed when all are there."""

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    def command(self, folder: str) -> tuple[str, ...]:
        """The words that start the runner where the package lies in `folder`.

        They name the loader of the package, so that the device needs no glibc.
        """
        loader = next(file.path for file in self.files if file.path.startswith(LOADER_PREFIX))
        libraries = ("--library-path", f"{folder}/lib")
        return (f"{folder}/{loader}", *libraries, f"{folder}/{PROGRAM}")


def collect_files(
    build: Path, runtimes: Path, folder: Path, chain: Toolchain
) -> tuple[PackageFile, ...]:
    """Copy the runner, its backends and every library they need into `folder`.

    Libraries come from the runtimes' wheels and from the compiler, the loader and the C library
    included. RunnerBuildError names a library that is nowhere.
    """
    sources = {PROGRAM: build / PROGRAM}
    for backend in sorted((build / "lib").glob("libtaskzip_*.so")):
        sources[f"lib/{backend.name}"] = backend
    todo = list(sources.values())
    while todo:
        for name in needed_libraries(todo.pop(), chain):
            if f"lib/{name}" not in sources:
                sources[f"lib/{name}"] = _find_library(name, runtimes, chain)
                todo.append(sources[f"lib/{name}"])
    return tuple(_copy(source, folder, path) for path, source in sorted(sources.items()))


def needed_libraries(file: Path, chain: Toolchain) -> Iterator[str]:
    """Names of the libraries that an ELF file asks the loader for, the loader itself included."""
    command = [chain.readelf, "--dynamic", "--program-headers", "--wide", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    yield from re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", text)
    for interpreter in re.findall(r"program interpreter: ([^\]]+)\]", text):
        yield Path(interpreter).name


def _find_library(name: str, runtimes: Path, chain: Toolchain) -> Path:
    for folder in (runtimes / "executorch" / "lib", runtimes / "ai_edge_litert"):
        if (folder / name).is_file():
            return folder / name
    command = [chain.compiler, f"-print-file-name={name}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(said).is_absolute():
        raise RunnerBuildError(f"{chain.compiler} has no {name}, which the runner needs")
    return Path(said)


def _copy(source: Path, folder: Path, path: str) -> PackageFile:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    mode = _RUN if path == PROGRAM or path.startswith(LOADER_PREFIX) else _READ
    target.chmod(mode)
    content = target.read_bytes()
    return PackageFile(path, len(content), hashlib.sha256(content).hexdigest(), mode)
