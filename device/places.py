"""Where on a device the harness keeps its things: one folder, and the lock in it."""

from taskzip.device.transport.protocol import Transport


def home(transport: Transport) -> str:
    """The one folder below which the harness writes."""
    return f"{transport.base}/taskzip"


def lock_path(transport: Transport) -> str:
    """The lock's file."""
    return f"{home(transport)}/lock"
