"""The prover, compiled once for what it is made of and found again in the cache.

It is one static program: whatever C library a device has, it needs none.
"""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from taskzip.contracts.paths import cache_dir
from taskzip.contracts.progress import Progress
from taskzip.device.runner.compile import SOURCE as RUNNER_SOURCE
from taskzip.device.runner.compile import require_compiler
from taskzip.device.runner.errors import RunnerBuildError
from taskzip.device.runner.target import Target, Toolchain, toolchain

SOURCE = Path(__file__).parent / "src"

_FLAGS = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-static", "-s", "-Wl,--gc-sections")
_INCLUDES = (f"-I{RUNNER_SOURCE / 'src'}", "-idirafter", "/usr/include")
"""What a function results in, and an open file, are the runner's; xxhash.h is Debian's, the same
for every processor."""
_RUNNER_HEADERS = ("descriptor.h", "result.h")
_VERSION_LENGTH = 12


def build_prover(target: Target, progress: Progress) -> Path:
    """The prover for a target; RunnerBuildError names what is missing."""
    chain = toolchain(target)
    require_compiler(chain)
    sources = sorted(SOURCE.glob("*.cc"))
    file = cache_dir() / "prover" / f"{target}-{_version(chain)}"
    if not file.is_file():
        progress.step(f"Building the prover for {chain.machine}")
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".partial-") as folder:
            made = Path(folder) / "prover"
            compile_program(chain, sources, made)
            made.rename(file)
    return file


def compile_program(chain: Toolchain, sources: list[Path], made: Path, *more: str) -> None:
    """Compile and link; RunnerBuildError holds the end of what the compiler said."""
    done = subprocess.run(
        [chain.compiler, *_FLAGS, *_INCLUDES, *map(str, sources), "-o", str(made), *more],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RunnerBuildError(
            f"the prover does not build for {chain.machine}; it needs: apt-get install "
            f"{chain.debian_package} libxxhash-dev\n{done.stderr.strip()[-2000:]}"
        )


def _version(chain: Toolchain) -> str:
    """Of everything that the program is made from."""
    digest = hashlib.sha256(repr((_FLAGS, chain.machine)).encode())
    theirs = (RUNNER_SOURCE / "src" / name for name in _RUNNER_HEADERS)
    for path in (*sorted(SOURCE.glob("*")), *theirs):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    asked = [chain.compiler, "--version"]
    digest.update(subprocess.run(asked, capture_output=True, check=True).stdout)
    return digest.hexdigest()[:_VERSION_LENGTH]
