"""CMake, told what to build."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from taskzip.device.runner.errors import RunnerBuildError
from taskzip.device.runner.target import Toolchain
from taskzip.device.runner.wheels import runtime_releases

SOURCE = Path(__file__).parent
DEBIAN_PACKAGES = ("nlohmann-json3-dev",)


def require_compiler(chain: Toolchain) -> None:
    """RunnerBuildError that names the Debian package where the compiler is missing."""
    for program in (chain.compiler, chain.readelf):
        if shutil.which(program) is None:
            raise RunnerBuildError(
                f"{program} is not on PATH; install it: apt-get install {chain.debian_package}"
            )


def compile_runner(
    chain: Toolchain,
    runtimes: Path,
    build: Path,
    version: str,
    options: Sequence[str] = (),
) -> None:
    """Leave `bin/taskzip-runner` and `lib/libtaskzip_*.so` in `build`.

    `options` are further -D options of CMakeLists.txt. RunnerBuildError holds the end of what
    CMake or the compiler said.
    """
    require_compiler(chain)
    cmake, ninja = _programs()
    releases = runtime_releases()
    configure = [
        *(str(cmake), "-G", "Ninja", "-S", str(SOURCE), "-B", str(build)),
        f"-DCMAKE_MAKE_PROGRAM={ninja}",
        f"-DTASKZIP_WHEELS={runtimes}",
        f"-DTASKZIP_RUNNER_VERSION={version}",
        f"-DTASKZIP_EXECUTORCH_RELEASE={releases['executorch']}",
        f"-DTASKZIP_LITERT_RELEASE={releases['litert']}",
        *options,
    ]
    if chain.toolchain_file is not None:
        toolchain_path = SOURCE / "toolchains" / chain.toolchain_file
        configure.append(f"-DCMAKE_TOOLCHAIN_FILE={toolchain_path}")
    run_build_step(configure, chain)
    run_build_step([str(cmake), "--build", str(build)], chain)


def run_build_step(command: list[str], chain: Toolchain) -> str:
    """Output of a build step; RunnerBuildError with its end where it fails."""
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
    return done.stdout


def _programs() -> tuple[Path, Path]:
    try:
        import cmake  # noqa: PLC0415 - only a build needs the runner extra
        import ninja  # noqa: PLC0415
    except ImportError as error:
        raise RunnerBuildError(
            "cmake and ninja are missing: pip install 'taskzip[runner]'"
        ) from error
    return Path(cmake.CMAKE_BIN_DIR) / "cmake", Path(ninja.BIN_DIR) / "ninja"
