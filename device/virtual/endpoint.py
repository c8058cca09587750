"""Whether adbd answers at a port: a real ADB greeting, since QEMU accepts before the guest does."""

import socket

from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.exceptions import AdbConnectionError, InvalidCommandError, TcpTimeoutException

LOOPBACK = "127.0.0.1"

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


def free_port() -> int:
    """A port that was free on 127.0.0.1 a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
