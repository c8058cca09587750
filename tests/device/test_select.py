"""Which device `--device` means."""

from collections.abc import Sequence

import pytest

from taskzip.contracts.config import DeviceConfig
from taskzip.contracts.errors import BadInput
from taskzip.device.errors import NoSuchDevice
from taskzip.device.parse.served import Served
from taskzip.device.select import list_targets, profile_of, resolve_among
from taskzip.device.targets import Endpoint, ServedPhone, Target, UsbPhone, VirtualDevice
from taskzip.device.transport.usb import Attached, list_phones
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.state import RunningMachine

PROFILE = Profile(clock="counted")
MACHINE = RunningMachine(
    pid=1, port=40404, profile=PROFILE, image="0", started_at="2026-01-01T00:00:00+00:00"
)
ONE, TWO = Attached("ABC123", "1-2"), Attached("XYZ", "1-3")


def resolve(
    device: str,
    phones: Sequence[Attached] = (),
    machines: Sequence[RunningMachine] = (),
    served: Sequence[Served] = (),
) -> Target:
    return resolve_among(device, PROFILE, lambda: phones, lambda: machines, lambda: served)


def test_auto_is_the_one_phone_else_the_emulated_device() -> None:
    assert resolve("auto", [ONE]) == UsbPhone("ABC123")
    assert resolve("auto") == VirtualDevice(PROFILE)


def test_auto_with_several_phones_lists_them() -> None:
    with pytest.raises(NoSuchDevice, match=r"several phones.*ABC123, XYZ.*--device SERIAL"):
        resolve("auto", [ONE, TWO])


def test_virtual_is_the_emulated_device_whatever_is_attached() -> None:
    assert resolve("virtual", [ONE, TWO]) == VirtualDevice(PROFILE)


def test_a_serial_must_be_attached() -> None:
    assert resolve("XYZ", [ONE, TWO]) == UsbPhone("XYZ")
    with pytest.raises(NoSuchDevice, match=r"'nope' is attached.*attached: ABC123"):
        resolve("nope", [ONE])


def test_a_phone_that_only_the_adb_server_has_is_reached_through_it() -> None:
    wireless = Served("adb-R5._adb-tls-connect._tcp", "device")
    others = [wireless, Served("ABC123", "device"), Served("10.0.0.2:37001", "device")]
    assert resolve(wireless.serial, [ONE], served=others) == ServedPhone(wireless.serial)
    assert resolve("ABC123", [ONE], served=others) == UsbPhone("ABC123")
    assert resolve("10.0.0.2:37001", served=others) == ServedPhone("10.0.0.2:37001")
    assert resolve("auto", served=[wireless]) == ServedPhone(wireless.serial)
    with pytest.raises(NoSuchDevice, match=r"several phones.*ABC123, adb-R5"):
        resolve("auto", [ONE], served=[wireless])


def test_emulators_that_the_adb_server_has_are_no_phones() -> None:
    emulators = [Served("emulator-5554", "device"), Served("127.0.0.1:40404", "device")]
    assert resolve("auto", served=emulators) == VirtualDevice(PROFILE)
    assert resolve("127.0.0.1:40404", (), [MACHINE], emulators).setting.origin == "virtual"
    assert resolve("emulator-5554", served=emulators[:1]) == ServedPhone("emulator-5554")


def test_a_host_and_port_is_an_endpoint() -> None:
    assert resolve("phone.local:5555") == Endpoint("phone.local", 5555)
    assert resolve("[::1]:5555") == Endpoint("::1", 5555)


@pytest.mark.parametrize("device", ["host:", ":5555", "host:0", "host:65536", "host:adb", "a:٣"])
def test_what_is_no_host_and_port_is_refused(device: str) -> None:
    with pytest.raises(NoSuchDevice, match="is not HOST:PORT"):
        resolve(device)


def test_a_running_machine_is_known_by_its_port_and_brings_its_clock() -> None:
    target = resolve("localhost:40404", machines=[MACHINE])
    assert (target.setting.origin, target.setting.clock) == ("virtual", "counted")
    assert target.setting.flash_read_bytes_per_second == 200_000_000
    assert target.setting.memory_bytes == 512 << 20
    for other in ("elsewhere:40404", "127.0.0.1:40405"):
        assert resolve(other, machines=[MACHINE]).setting.origin == "phone"


def test_a_computer_without_usb_has_no_phones() -> None:
    assert isinstance(list_phones(), tuple)
    assert all(target.serial for target in list_targets())


def test_a_config_describes_the_emulated_device() -> None:
    profile = profile_of(DeviceConfig(memory_mib=256, disk_mib=64), "real")
    assert (profile.clock, profile.memory_mib, profile.disk_mib) == ("real", 256, 64)
    with pytest.raises(BadInput, match="cpus"):
        profile_of(DeviceConfig(cpus=99), "real")
