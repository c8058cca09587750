"""Phones on USB, as libusb sees them; a computer without USB has none."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import adb_shell.adb_device
from adb_shell.adb_device import AdbDevice

_USB = adb_shell.adb_device.UsbTransport
"""None where libusb is not installed."""


class FoundPhone(Protocol):
    """A phone as adb_shell finds it; its serial raises libusb's errors."""

    @property
    def serial_number(self) -> str:
        """Asked of the opened phone."""

    @property
    def port_path(self) -> list[int]:
        """Bus and ports."""


@dataclass(frozen=True)
class Attached:
    """A phone with USB debugging on; `path` is BUS-PORT.PORT…"""

    serial: str
    path: str


@dataclass(frozen=True)
class Bus:
    """What is attached: phones, and how many that this user may not open."""

    phones: tuple[Attached, ...]
    closed: int = 0


def list_phones() -> tuple[Attached, ...]:
    """The phones attached over USB; none where there is no libusb, no bus or no permission."""
    return look_at_bus().phones


def look_at_bus() -> Bus:
    """All phones on USB; none where there is no libusb or no bus."""
    if _USB is None:
        return Bus(())
    try:
        return told_by(list(_USB.find_all_adb_devices()))
    except usb_errors():
        return Bus(())


def told_by(found: Iterable[FoundPhone]) -> Bus:
    """The phones that tell their serial; a phone must be opened for that."""
    phones, closed = [], 0
    for each in found:
        try:
            path = "-".join(map(str, each.port_path))
            phones.append(Attached(each.serial_number, path))
        except usb_errors():
            closed += 1
    return Bus(tuple(phones), closed)


def usb_errors() -> tuple[type[Exception], ...]:
    """What libusb raises."""
    if _USB is None:
        return ()
    import usb1  # noqa: PLC0415  # cannot be imported where libusb is missing

    return (usb1.USBError,)


def is_occupied(error: BaseException) -> bool:
    """Whether another program has claimed the phone's USB interface."""
    return type(error).__name__ == "USBErrorBusy"


def usb_device(serial: str) -> AdbDevice:
    """An unconnected device for the phone of that serial."""
    return adb_shell.adb_device.AdbDeviceUsb(serial)
