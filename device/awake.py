"""Waiting until the counted clock's processor does not sleep, which would let host time in.

The guest's first program starts `idle` when it sees a connection and keeps it for a while after the
last one; `idle` makes a file once it runs. A measurement that began before would count waits for
the flash as the host lets them pass.
"""

from taskzip.device.transport.protocol import Transport

_AWAKE = "/run/awake"
_LIMIT_S = 60.0


def await_awake(transport: Transport) -> None:
    """Return once the emulated processor stays awake; TookTooLong when it does not."""
    wait = f"until [ -e {_AWAKE} ]; do sleep 0.05; done"
    transport.shell(["sh", "-c", wait], _LIMIT_S).checked()
