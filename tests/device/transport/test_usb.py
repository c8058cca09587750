"""What of a USB bus is told."""

from dataclasses import dataclass

import pytest

from taskzip.device.transport.usb import Attached, Bus, look_at_bus, told_by, usb_errors


@dataclass(frozen=True)
class Found:
    serial: str | None
    port_path: tuple[int, ...] = (1, 4, 2)

    @property
    def serial_number(self) -> str:
        if self.serial is None:
            raise usb_errors()[0]
        return self.serial


def test_a_computer_tells_what_is_attached_without_an_error() -> None:
    assert isinstance(look_at_bus(), Bus)


@pytest.mark.skipif(not usb_errors(), reason="libusb is not installed")
def test_a_phone_that_may_not_be_opened_hides_no_other() -> None:
    assert told_by([Found(None), Found("R5"), Found(None)]) == Bus(
        (Attached("R5", "1-4-2"),), closed=2
    )
