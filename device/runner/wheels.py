"""The runtimes' wheels, fetched for any processor and unpacked without being installed."""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from taskzip.contracts.names import Runtime
from taskzip.contracts.paths import cache_dir
from taskzip.contracts.progress import Progress
from taskzip.device.runner.errors import RunnerBuildError

REQUIREMENTS = Path(__file__).parent / "runtimes.txt"
_PACKAGES: dict[Runtime, str] = {"executorch": "executorch", "litert": "ai-edge-litert"}
_PYTHON = "3.11"  # the wheels named in runtimes.txt; only their C++ libraries are used
_KEPT = (
    "executorch/include",
    "executorch/lib",
    "executorch/share",
    "ai_edge_litert/libLiteRt.so",
)


def runtime_releases() -> dict[str, str]:
    """Release of each runtime by its name in contracts.names, as pinned in runtimes.txt."""
    text = REQUIREMENTS.read_text()
    pins = dict(re.findall(r"^([a-z-]+)==([0-9.]+)", text, flags=re.MULTILINE))
    return {runtime: pins[package] for runtime, package in _PACKAGES.items()}


def fetch_runtimes(machine: str, progress: Progress) -> Path:
    """Folder with `executorch/` and `ai_edge_litert/` for a processor; fetched once, then cached.

    Only what the runner needs of the wheels is kept. RunnerBuildError when they cannot be had.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = cache_dir() / "runtimes" / f"{machine}-{digest}"
    if folder.is_dir():
        return folder
    progress.step(f"Fetching the runtimes for {machine}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as partial:
        unpacked, kept = Path(partial, "wheels"), Path(partial, "kept")
        _unpack(machine, unpacked)
        for path in _KEPT:
            (kept / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(unpacked / path, kept / path)
        _rename_unless_there(kept, folder)
    return folder


def _unpack(machine: str, folder: Path) -> None:
    command = [
        *(_uv(), "pip", "install", "--quiet", "--python", sys.executable),
        *("--target", str(folder), "--python-platform", f"{machine}-manylinux_2_28"),
        *("--python-version", _PYTHON, "--only-binary", ":all:", "--no-deps"),
        *("--require-hashes", "--requirement", str(REQUIREMENTS)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunnerBuildError(
            f"the runtimes for {machine} cannot be fetched; is the package index reachable?\n"
            f"{done.stderr.strip()[-1000:]}"
        )


def _uv() -> str:
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - only a build needs the runner extra
    except ImportError as error:
        raise RunnerBuildError("uv is missing: pip install 'taskzip[runner]'") from error
    return str(find_uv_bin())


def _rename_unless_there(made: Path, folder: Path) -> None:
    """Another process may have been faster; its folder has the same content."""
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
