"""Whether adbd answers at a port: a real ADB greeting, since QEMU accepts before the guest does."""

import socket

from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.exceptions import AdbConnectionError, InvalidCommandError, TcpTimeoutException

from taskzip.device.virtual.errors import BootFailed

LOOPBACK = "127.0.0.1"

_CLOCK_LIMIT_S = 20.0
_NO_ANSWER = (
    OSError,
    AdbConnectionError,
    InvalidCommandError,
    TcpTimeoutException,
)


def answers(port: int, within_seconds: float) -> bool:
    """Whether adbd on 127.0.0.1 greets back within that time."""
    device = AdbDeviceTcp(LOOPBACK, port, default_transport_timeout_s=within_seconds)
    try:
        return bool(device.connect(read_timeout_s=within_seconds))
    except _NO_ANSWER:
        return False
    finally:
        device.close()


def set_clock(port: int, seconds: float) -> None:
    """Set the wall clock of the machine at that port, in seconds since 1970, or BootFailed."""
    device = AdbDeviceTcp(LOOPBACK, port, default_transport_timeout_s=_CLOCK_LIMIT_S)
    try:
        device.connect(read_timeout_s=_CLOCK_LIMIT_S)
        device.shell(f"date -u @{int(seconds)}", read_timeout_s=_CLOCK_LIMIT_S)
    except _NO_ANSWER as error:
        raise BootFailed("its clock could not be set", str(error)) from error
    finally:
        device.close()


def free_port() -> int:
    """A port that was free on 127.0.0.1 a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
