"""Phones on USB, as libusb sees them; a computer without USB has none."""

from dataclasses import dataclass

import adb_shell.adb_device
from adb_shell.adb_device import AdbDevice

_USB = adb_shell.adb_device.UsbTransport
"""None where libusb is not installed."""


@dataclass(frozen=True)
class Attached:
    """A phone with USB debugging on; `path` is BUS-PORT.PORT…"""

    serial: str
    path: str


def list_phones() -> tuple[Attached, ...]:
    """The phones attached over USB; none where there is no libusb, no bus or no permission."""
    if _USB is None:
        return ()
    import usb1  # noqa: PLC0415  # cannot be imported where libusb is missing

    phones = []
    try:
        for found in _USB.find_all_adb_devices():
            phones.append(Attached(found.serial_number, "-".join(map(str, found.port_path))))
    except usb1.USBError:
        return tuple(phones)
    return tuple(phones)


def usb_errors() -> tuple[type[Exception], ...]:
    """What libusb raises."""
    if _USB is None:
        return ()
    import usb1  # noqa: PLC0415  # as above

    return (usb1.USBError,)


def is_occupied(error: BaseException) -> bool:
    """Whether another program has claimed the phone's USB interface."""
    return type(error).__name__ == "USBErrorBusy"


def usb_device(serial: str) -> AdbDevice:
    """An unconnected device for the phone of that serial."""
    return adb_shell.adb_device.AdbDeviceUsb(serial)
