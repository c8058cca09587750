"""A session of measurements on this computer, or on a device by its name."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.progress import Silent
from taskzip.device.runner.build import build_runner
from taskzip.device.select import open_device, profile_of, resolve
from taskzip.device.session import Session, open_session
from taskzip.device.targets import Target
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport

LOCAL = "local"


def is_counted(device: str) -> bool:
    """Whether its clock counts instructions."""
    return device != LOCAL and _named(device).setting.clock == "counted"


@contextmanager
def session_on(device: str, folder: Path) -> Iterator[Session]:
    """With the bundle in `folder`; what is pushed goes with the session."""
    with ExitStack() as stack:
        transport: Transport
        if device == LOCAL:
            transport = LocalTransport(Path(stack.enter_context(TemporaryDirectory())))
        else:
            transport = stack.enter_context(open_device(_named(device), Silent()))
        package = build_runner("host" if device == LOCAL else "aarch64", Silent())
        yield stack.enter_context(
            open_session(transport, package, folder, keep_pushed=False, progress=Silent())
        )


def _named(device: str) -> Target:
    return resolve(device, profile_of(DeviceConfig()))
