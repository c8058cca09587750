"""Programs of this computer: found, run, and their failures told."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskzip.device.virtual.errors import ImageBuildFailed, ProgramMissing

PACKAGE_OF = {
    "apt-get": "apt",
    "apt-config": "apt",
    "gpgv": "gpgv",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "qemu-system-aarch64": "qemu-system-arm",
}
"""Program → Debian package that has it."""

_SYSTEM_FOLDERS = "/usr/sbin:/sbin"
_LIMIT_SECONDS = 900


def find_program(name: str) -> str:
    """The program's path, looked for also where only root's PATH leads; else ProgramMissing."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), _SYSTEM_FOLDERS))
    found = shutil.which(name, path=path)
    if found is None:
        raise ProgramMissing(name, PACKAGE_OF[name])
    return found


def run_step(
    step: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> str:
    """What `command` wrote to its standard output; ImageBuildFailed with its words if it fails.

    `step` says what the command is for, as in "building … failed: STEP".
    """
    argv = [find_program(str(command[0])), *map(str, command[1:])]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise ImageBuildFailed(f"{step}: no end after {_LIMIT_SECONDS} s", "") from error
    if done.returncode != 0:
        raise ImageBuildFailed(f"{step} (exit code {done.returncode})", done.stdout + done.stderr)
    return done.stdout
