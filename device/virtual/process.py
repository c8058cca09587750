"""Ending a machine's process, and no other."""

import contextlib
import os
import select
import signal

from taskzip.device.virtual.command import MachineFiles
from taskzip.device.virtual.state import is_ours

_STOP_SECONDS = 10.0


def terminate_started(files: MachineFiles) -> None:
    """End the machine whose pid QEMU wrote there, if it wrote one."""
    with contextlib.suppress(OSError, ValueError):
        terminate(int(files.pid.read_text()), files)


def terminate(pid: int, files: MachineFiles) -> None:
    """Ask the process to end, insist after a while; never touches a process that is not ours."""
    try:
        process = os.pidfd_open(pid)  # names this process even if its number is used again
    except ProcessLookupError:
        return
    try:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if not is_ours(pid, files):
                return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, sign)
            if select.select([process], [], [], _STOP_SECONDS)[0]:
                return
    finally:
        os.close(process)
