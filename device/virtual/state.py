"""`machine.json`: which machine runs, and whether its process is still the one that we started."""

import os
from pathlib import Path
from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Count
from taskzip.contracts.paths import cache_dir
from taskzip.device.virtual.command import MachineFiles
from taskzip.device.virtual.profile import Profile


class RunningMachine(Document):
    """A machine that was started: where adbd answers, and the process that it is."""

    format: Literal[1] = 1
    pid: Count
    port: Count
    profile: Profile
    image: str
    """The recipe hash of the image that it runs."""
    started_at: str
    """ISO 8601, UTC."""

    @property
    def serial(self) -> str:
        """The ADB endpoint, HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def files(self) -> MachineFiles:
        """The machine's files."""
        return machine_files(self.profile)


def machines_folder() -> Path:
    """Where the folders of all machines are."""
    return cache_dir() / "virtual" / "machines"


def machine_files(profile: Profile) -> MachineFiles:
    """The files of the machine of that profile."""
    return MachineFiles(machines_folder() / profile.id)


def is_ours(pid: int, files: MachineFiles) -> bool:
    """Whether the process is the QEMU that was started with that folder's pid file.

    A pid alone says nothing: it may have been given to another program since.
    """
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(files.pid) in arguments


def read_running(files: MachineFiles) -> RunningMachine | None:
    """The machine of that folder if its process is alive; a stale or foreign state is nothing."""
    try:
        machine = RunningMachine.read(files.state)
    except BadInput:
        return None
    return machine if is_ours(machine.pid, files) else None
