"""What `--device` can mean, and what is known of each before it is asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from taskzip.device.conditions import Setting
from taskzip.device.transport.exchange import read_recording
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine


@dataclass(frozen=True)
class UsbPhone:
    """A phone on USB."""

    serial: str
    kind: ClassVar[str] = "phone on USB"

    @property
    def setting(self) -> Setting:
        """A phone's clock is real."""
        return Setting(origin="phone")


@dataclass(frozen=True)
class ServedPhone:
    """A phone that an adb server has, and USB has not: over Wi-Fi, say."""

    serial: str
    kind: ClassVar[str] = "through the adb server"

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
    def serial(self) -> str:
        """HOST:PORT."""
        return f"{self.host}:{self.port}"

    @property
    def kind(self) -> str:
        """What listens there."""
        if self.machine is None:
            return "at its endpoint"
        return f"emulated, {self.machine.profile.clock} clock"

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


@dataclass(frozen=True)
class Replay:
    """A recorded device."""

    file: Path

    @property
    def setting(self) -> Setting:
        """The recorded device's."""
        return read_recording(self.file)[0].setting


Phone = UsbPhone | ServedPhone
Target = Phone | Endpoint | VirtualDevice | Replay


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
