"""For which machine the runner is built."""

import platform
from dataclasses import dataclass
from typing import Literal

from taskzip.device.runner.errors import RunnerBuildError

Target = Literal["aarch64", "host"]

_MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True)
class Toolchain:
    """A compiler and what belongs to it."""

    machine: str
    """Processor that the code is for, as `uname -m` says it."""
    compiler: str
    """C++ compiler; found on PATH."""
    readelf: str
    toolchain_file: str | None
    """CMake toolchain file below `toolchains/`; None for the host's own compiler."""
    debian_package: str
    """What to install where the compiler is missing."""


def toolchain(target: Target) -> Toolchain:
    """The toolchain of a target; RunnerBuildError for a host that has no runtime wheels."""
    if target == "aarch64":
        return Toolchain(
            machine="aarch64",
            compiler="aarch64-linux-gnu-g++",
            readelf="aarch64-linux-gnu-readelf",
            toolchain_file="aarch64-linux-gnu.cmake",
            debian_package="g++-aarch64-linux-gnu",
        )
    machine = platform.machine()
    if machine not in _MACHINES:
        raise RunnerBuildError(
            f"the runtimes have no build for this host ({machine}); they have {_MACHINES}"
        )
    return Toolchain(
        machine=machine,
        compiler="g++",
        readelf="readelf",
        toolchain_file=None,
        debian_package="g++",
    )
