"""From `--device` to a device: which one is meant, what it is, and an open connection to it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.document import describe
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Clock
from taskzip.contracts.progress import Progress
from taskzip.device.awake import await_awake
from taskzip.device.errors import NoSuchDevice
from taskzip.device.parse.served import Served
from taskzip.device.targets import (
    Endpoint,
    Phone,
    Replay,
    ServedPhone,
    Target,
    UsbPhone,
    VirtualDevice,
)
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.exchange import read_recording
from taskzip.device.transport.protocol import Transport
from taskzip.device.transport.replay import ReplayTransport
from taskzip.device.transport.server import listed_by, usual_server
from taskzip.device.transport.usb import Attached, list_phones
from taskzip.device.virtual import machine
from taskzip.device.virtual.endpoint import LOOPBACK
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.profiles import find_profile, user_profiles
from taskzip.device.virtual.state import RunningMachine

AUTO, VIRTUAL = "auto", "virtual"
_REPLAY = "replay:"

_MAX_PORT = 65535
_EMULATORS = ("emulator-", f"{LOOPBACK}:", "localhost:")


def resolve(device: str, profile: Profile) -> Target:
    """The device that is meant; NoSuchDevice lists what there is when that is not clear."""
    return resolve_among(device, profile, list_phones, machine.list_running, _list_served)


def resolve_among(
    device: str,
    profile: Profile,
    phones: Callable[[], Sequence[Attached]],
    machines: Callable[[], Sequence[RunningMachine]],
    served: Callable[[], Sequence[Served]],
) -> Target:
    """`resolve`, given how phones, running machines and an adb server's devices are found."""
    if device == VIRTUAL:
        return VirtualDevice(profile)
    if device == AUTO:
        return _only(_phones(phones(), served())) or VirtualDevice(profile)
    if device.startswith(_REPLAY):
        return Replay(Path(device.removeprefix(_REPLAY)))
    if ":" in device:
        endpoint = _endpoint(device, machines())
        is_served = any(found.serial == device for found in served())
        return ServedPhone(device) if is_served and not endpoint.machine else endpoint
    return _phone_named(device, _phones(phones(), served()))


def profile_of(config: DeviceConfig, clock: Clock | None = None) -> Profile:
    """The emulated device that a config describes; BadInput when there can be none such."""
    named = find_profile(config.profile, user_profiles())
    said = {"clock": clock, **config.model_dump(exclude={"device", "profile", "side_by_side"})}
    given = {key: value for key, value in said.items() if value is not None}
    try:
        return Profile.model_validate(named.model_dump() | given)
    except ValidationError as error:
        raise BadInput(f"[device] {describe(error)}") from error


@contextmanager
def open_device(target: Target, progress: Progress) -> Iterator[Transport]:
    """A connection to the device, which is started first if it is ours; closed with the block."""
    transport = connect(target, progress)
    try:
        if target.setting.clock == "counted" and not isinstance(target, Replay):
            await_awake(transport)
        yield transport
    finally:
        transport.close()


def attached_targets(device: str | None) -> tuple[Target, ...]:
    """The device that is meant; without one the phone, else all emulated devices that run.

    Starts none, unlike `resolve` with `virtual`.
    """
    running = tuple(Endpoint(LOOPBACK, found.port, found) for found in machine.list_running())
    if device == VIRTUAL:
        return running
    if device in (None, AUTO):
        phone = _only(_phones(list_phones(), _list_served()))
        return (phone,) if phone else running
    return (resolve(str(device), Profile()),)


def list_targets() -> tuple[Phone | Endpoint, ...]:
    """Phones and running emulated devices."""
    running = tuple(Endpoint(LOOPBACK, found.port, found) for found in machine.list_running())
    ours = {endpoint.serial for endpoint in running}
    phones = _phones(list_phones(), _list_served())
    return (*(phone for phone in phones if phone.serial not in ours), *running)


def connect(target: Target, progress: Progress, patience: Patience | None = None) -> Transport:
    """A connection to the device, which is started first if it is ours."""
    door = Door(patience or Patience(), progress=progress)
    match target:
        case UsbPhone(serial):
            return door.open_usb(serial)
        case ServedPhone(serial):
            return door.open_served(serial)
        case Endpoint(host, port):
            return door.open_tcp(host, port)
        case Replay(file):
            return ReplayTransport(*read_recording(file))
        case VirtualDevice(profile):
            started = machine.start(profile, progress)
            return door.open_tcp(LOOPBACK, started.port)


def _list_served() -> tuple[Served, ...]:
    return listed_by(usual_server())


def _phones(attached: Sequence[Attached], served: Sequence[Served]) -> tuple[Phone, ...]:
    """Those on USB, and those that only an adb server has."""
    on_usb = tuple(UsbPhone(phone.serial) for phone in attached)
    known = {phone.serial for phone in on_usb}
    return (*on_usb, *(ServedPhone(one.serial) for one in served if one.serial not in known))


def _only(found: Sequence[Phone]) -> Phone | None:
    """The one phone; emulators that an adb server has are none."""
    phones = [phone for phone in found if not phone.serial.startswith(_EMULATORS)]
    if len(phones) > 1:
        raise NoSuchDevice(
            f"several phones are attached: {_names(phones)}; name one with --device SERIAL, "
            f"or take the emulated device with --device {VIRTUAL}"
        )
    return phones[0] if phones else None


def _phone_named(serial: str, phones: Sequence[Phone]) -> Phone:
    for phone in phones:
        if phone.serial == serial:
            return phone
    raise NoSuchDevice(
        f"no phone with serial {serial!r} is attached over USB or known to an adb server "
        f"(attached: {_names(phones) or 'none'}); --device takes {AUTO}, {VIRTUAL}, a SERIAL or "
        f"HOST:PORT"
    )


def _endpoint(device: str, machines: Sequence[RunningMachine]) -> Endpoint:
    host, _, port = device.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) <= _MAX_PORT):
        raise NoSuchDevice(f"{device!r} is not HOST:PORT with a port from 1 to {_MAX_PORT}")
    ours = [found for found in machines if found.port == int(port)]
    is_local = host in (LOOPBACK, "localhost")
    return Endpoint(host, int(port), ours[0] if ours and is_local else None)


def _names(phones: Sequence[Phone]) -> str:
    return ", ".join(phone.serial for phone in phones)
