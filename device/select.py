"""From `--device` to a device: which one is meant, what it is, and an open connection to it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.document import describe
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Clock
from taskzip.contracts.progress import Progress
from taskzip.device.awake import await_awake
from taskzip.device.conditions import Setting
from taskzip.device.errors import NoSuchDevice
from taskzip.device.transport.connect import Door
from taskzip.device.transport.protocol import Transport
from taskzip.device.transport.usb import Phone, list_phones
from taskzip.device.virtual import machine
from taskzip.device.virtual.endpoint import LOOPBACK
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.profiles import find_profile, user_profiles
from taskzip.device.virtual.state import RunningMachine

AUTO, VIRTUAL = "auto", "virtual"

_MAX_PORT = 65535


@dataclass(frozen=True)
class UsbPhone:
    """A phone on USB."""

    serial: str

    @property
    def setting(self) -> Setting:
        """A phone's clock is real."""
        return Setting(origin="phone")


@dataclass(frozen=True)
class Endpoint:
    """An ADB daemon that listens somewhere; a machine of ours is known by its port."""

    host: str
    port: int
    machine: RunningMachine | None = None

    @property
    def setting(self) -> Setting:
        """As the machine's profile says, else a phone's."""
        return Setting("phone") if self.machine is None else _setting(self.machine.profile)


@dataclass(frozen=True)
class VirtualDevice:
    """The emulated device, started when it is opened."""

    profile: Profile

    @property
    def setting(self) -> Setting:
        """As its profile says."""
        return _setting(self.profile)


Target = UsbPhone | Endpoint | VirtualDevice


@dataclass(frozen=True)
class Listed:
    """A device as `deploy device list` shows it; `name` is what `--device` takes."""

    name: str
    description: str


def resolve(device: str, profile: Profile) -> Target:
    """The device that is meant; NoSuchDevice lists what there is when that is not clear."""
    return resolve_among(device, profile, list_phones, machine.list_running)


def resolve_among(
    device: str,
    profile: Profile,
    phones: Callable[[], Sequence[Phone]],
    machines: Callable[[], Sequence[RunningMachine]],
) -> Target:
    """`resolve`, given how phones and running machines are found."""
    if device == VIRTUAL:
        return VirtualDevice(profile)
    if device == AUTO:
        return _only_phone(phones()) or VirtualDevice(profile)
    if ":" in device:
        return _endpoint(device, machines())
    return _phone_named(device, phones())


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
        if target.setting.clock == "counted":
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
        phone = _only_phone(list_phones())
        return (phone,) if phone else running
    return (resolve(str(device), Profile()),)


def list_devices() -> tuple[Listed, ...]:
    """Phones on USB and running emulated devices."""
    phones = (Listed(phone.serial, "phone on USB") for phone in list_phones())
    machines = (
        Listed(found.serial, f"emulated device, {found.profile.clock} clock")
        for found in machine.list_running()
    )
    return (*phones, *machines)


def connect(target: Target, progress: Progress) -> Transport:
    """A connection to the device, which is started first if it is ours."""
    door = Door(progress=progress)
    match target:
        case UsbPhone(serial):
            return door.open_usb(serial)
        case Endpoint(host, port):
            return door.open_tcp(host, port)
        case VirtualDevice(profile):
            started = machine.start(profile, progress)
            return door.open_tcp(LOOPBACK, started.port)


def _only_phone(phones: Sequence[Phone]) -> UsbPhone | None:
    if len(phones) > 1:
        raise NoSuchDevice(
            f"several phones are attached: {_names(phones)}; name one with --device SERIAL, "
            f"or take the emulated device with --device {VIRTUAL}"
        )
    return UsbPhone(phones[0].serial) if phones else None


def _phone_named(serial: str, phones: Sequence[Phone]) -> UsbPhone:
    if all(phone.serial != serial for phone in phones):
        raise NoSuchDevice(
            f"no phone with serial {serial!r} is attached over USB (attached: "
            f"{_names(phones) or 'none'}); --device takes {AUTO}, {VIRTUAL}, a SERIAL or HOST:PORT"
        )
    return UsbPhone(serial)


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


def _setting(profile: Profile) -> Setting:
    memory_bytes = profile.memory_mib * 1024 * 1024 if profile.clock == "counted" else None
    return Setting(
        "virtual",
        profile.clock,
        flash_read_bytes_per_second=profile.flash_read_bytes_per_second,
        flash_read_iops=profile.flash_read_iops,
        cpu_model=profile.cpu_model,
        memory_bytes=memory_bytes,
    )
