"""CMake, told what to build."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from taskzip.device.runner.errors import RunnerBuildError
from taskzip.device.runner.target import Toolchain
from taskzip.device.runner.wheels import runtime_releases

SOURCE = Path(__file__).parent
DEBIAN_PACKAGES = ("nlohmann-json3-dev",)


@dataclass(frozen=True)
class Build:
    """A CMake build: for which machine, against which runtimes, in which folder."""

    chain: Toolchain
    runtimes: Path
    folder: Path
    version: str
    """What the runner will call itself."""

    def configure(self, *options: str) -> None:
        """Let CMake look at the machine; `options` are further -D options of CMakeLists.txt.

        RunnerBuildError names what is missing.
        """
        require_compiler(self.chain)
        cmake, ninja = _programs()
        releases = runtime_releases()
        command = [
            # Fresh: the folder may know another checkout, or another compiler.
            *(str(cmake), "--fresh", "-G", "Ninja", "-S", str(SOURCE), "-B", str(self.folder)),
            f"-DCMAKE_MAKE_PROGRAM={ninja}",
            f"-DTASKZIP_WHEELS={self.runtimes}",
            f"-DTASKZIP_RUNNER_VERSION={self.version}",
            f"-DTASKZIP_EXECUTORCH_RELEASE={releases['executorch']}",
            f"-DTASKZIP_LITERT_RELEASE={releases['litert']}",
            *options,
        ]
        if self.chain.toolchain_file is not None:
            toolchain_path = SOURCE / "toolchains" / self.chain.toolchain_file
            command.append(f"-DCMAKE_TOOLCHAIN_FILE={toolchain_path}")
        _run_step(command, self.chain)

    def compile(self, *targets: str) -> None:
        """Compile targets of CMakeLists.txt, all of them if none is named.

        The runner is left in `bin/`, its backends in `lib/` of the folder. RunnerBuildError holds
        the end of what the compiler said.
        """
        chosen = ["--target", *targets] if targets else []
        _run_step([str(_programs()[0]), "--build", str(self.folder), *chosen], self.chain)


def require_compiler(chain: Toolchain) -> None:
    """RunnerBuildError that names the Debian package where the compiler is missing."""
    for program in (chain.compiler, chain.readelf):
        if shutil.which(program) is None:
            raise RunnerBuildError(
                f"{program} is not on PATH; install it: apt-get install {chain.debian_package}"
            )


def _run_step(command: list[str], chain: Toolchain) -> None:
    environment = {**os.environ, "CMAKE_COLOR_DIAGNOSTICS": "OFF"}
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode != 0:
        packages = " ".join((chain.debian_package, *DEBIAN_PACKAGES))
        raise RunnerBuildError(
            f"the runner does not build for {chain.machine}; it needs: apt-get install {packages}\n"
            f"{done.stdout.strip()[-2000:]}"
        )


def _programs() -> tuple[Path, Path]:
    try:
        import cmake  # noqa: PLC0415 - only a build needs the runner extra
        import ninja  # noqa: PLC0415
    except ImportError as error:
        raise RunnerBuildError(
            "cmake and ninja are missing: pip install 'taskzip[runner]'"
        ) from error
    return Path(cmake.CMAKE_BIN_DIR) / "cmake", Path(ninja.BIN_DIR) / "ninja"
