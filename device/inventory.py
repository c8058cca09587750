"""All devices of this computer, and what each says of itself."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.progress import Silent
from taskzip.device.details import Details, read_details
from taskzip.device.errors import KeyRefused, NotAnswering
from taskzip.device.select import connect
from taskzip.device.targets import Endpoint, Phone
from taskzip.device.transport.connect import Patience

_PATIENCE = Patience(connect_s=5.0, key_s=0.5)
"""Nobody is asked to accept a key for a list."""


@dataclass(frozen=True)
class Listed:
    """A device; `name` is what `--device` takes, `details` is None where it does not answer."""

    name: str
    kind: str
    state: str
    details: Details | None = None


def list_devices(targets: Iterable[Phone | Endpoint]) -> Iterator[Listed]:
    """Each device with what it tells, or why it does not."""
    for target in targets:
        listed = Listed(target.serial, target.kind, "ready")
        try:
            with closing(connect(target, Silent(), _PATIENCE)) as transport:
                details = read_details(transport, target.setting)
        except DeviceTrouble as error:
            yield replace(listed, state=_state(error))
            continue
        state = f"used by {details.holder}" if details.holder else listed.state
        yield replace(listed, state=state, details=details)


def _state(error: DeviceTrouble) -> str:
    if isinstance(error, KeyRefused):
        return "has not accepted this computer's key: run a command on it, and accept the key"
    return "does not answer" if isinstance(error, NotAnswering) else str(error)
