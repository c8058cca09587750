"""The runner, built once for what it is made of and found again in the cache."""

import fcntl
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from taskzip.contracts.document import write_atomically
from taskzip.contracts.paths import cache_dir
from taskzip.contracts.progress import Progress
from taskzip.device.prover.build import build_prover
from taskzip.device.runner.compile import SOURCE, Build, require_compiler
from taskzip.device.runner.package import PackageFile, RunnerPackage, collect_files
from taskzip.device.runner.target import Target, Toolchain, toolchain
from taskzip.device.runner.wheels import REQUIREMENTS, fetch_runtimes, runtime_releases

_MANIFEST = "package.json"
_VERSION_LENGTH = 12


def build_runner(target: Target, progress: Progress) -> RunnerPackage:
    """The runner and the prover for a target, from the cache where their sources did not change.

    RunnerBuildError when a compiler, a library or a runtime is missing; it names what to install.
    """
    chain = toolchain(target)
    require_compiler(chain)
    version = _content_hash(chain)[:_VERSION_LENGTH]
    folder = cache_dir() / "runner" / f"{target}-{version}"
    with _lock(folder.with_suffix(".lock")):
        if not (folder / _MANIFEST).is_file():
            _build_into(folder, chain, version, progress)
    return replace(_read_package(folder, version), prover=build_prover(target, progress))


def _content_hash(chain: Toolchain) -> str:
    """Of everything that a package is made from."""
    digest = hashlib.sha256()
    patterns = ("CMakeLists.txt", "src/**/*", "toolchains/*", "*.py")
    paths = sorted({path for pattern in patterns for path in SOURCE.glob(pattern)})
    for path in (*paths, REQUIREMENTS):
        if path.is_file():
            digest.update(f"{path.relative_to(SOURCE)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for question in ("--version", "-print-file-name=libc.so.6"):
        answer = subprocess.run([chain.compiler, question], capture_output=True, check=True)
        digest.update(answer.stdout)
    return digest.hexdigest()


def _build_into(folder: Path, chain: Toolchain, version: str, progress: Progress) -> None:
    runtimes = fetch_runtimes(chain.machine, progress)
    progress.step(f"Building the runner for {chain.machine}")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as partial:
        build = Build(chain, runtimes, Path(partial, "build"), version)
        build.configure()
        build.compile()
        made = Path(partial, "package")
        files = collect_files(build.folder, runtimes, made, chain)
        manifest = [file._asdict() for file in files]
        write_atomically(made / _MANIFEST, json.dumps(manifest, indent=2).encode())
        made.rename(folder)


def _read_package(folder: Path, version: str) -> RunnerPackage:
    entries = json.loads((folder / _MANIFEST).read_text())
    files = tuple(PackageFile(**entry) for entry in entries)
    return RunnerPackage(folder, files, version, runtime_releases())


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the second waits until the first has built."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
