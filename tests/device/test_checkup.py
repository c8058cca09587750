"""The check-up of a device: what its readings mean, and that it leaves nothing behind."""

from dataclasses import replace
from pathlib import Path

import pytest

from taskzip.contracts.conditions import Conditions
from taskzip.contracts.progress import Silent
from taskzip.device.checks import (
    PROBE_BYTES,
    check_battery,
    check_clock,
    check_cold_cache,
    check_flash,
    check_pinning,
    check_programs,
    check_shell,
    check_space,
    check_temperature,
)
from taskzip.device.checkup import check_up
from taskzip.device.conditions import Setting
from taskzip.device.details import read_details
from taskzip.device.errors import DeviceHeld
from taskzip.device.inventory import Listed, list_devices
from taskzip.device.lock import held_lock
from taskzip.device.parse.abilities import parse_abilities
from taskzip.device.parse.probe import Probe, parse_probe
from taskzip.device.parse.thermal import parse_thermal_status
from taskzip.device.places import lock_path
from taskzip.device.targets import Endpoint
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport

T0 = 1_700_000_000_000_000_000
GOOD = Probe(
    executes=True,
    pinned="0",
    write_ns=100_000_000,
    cold_ns=420_000_000,
    warm_ns=10_000_000,
    evicted_bytes=PROBE_BYTES,
)
PHONE = Conditions(origin="phone", clock="real", serial="x")
SAID = f"""executes 9
pinned 0-3
write {T0} {T0 + 5}
cached 9000
dropped 800
cold {T0} {T0 + 7}
warm {T0} {T0 + 3}
"""


def test_a_probe_is_read_from_what_the_device_says() -> None:
    assert parse_probe(SAID) == Probe(
        executes=True, pinned="0-3", write_ns=5, cold_ns=7, warm_ns=3, evicted_bytes=8200 * 1024
    )


@pytest.mark.parametrize(
    "said", ["", "\n\n", "executes 126\npinned \nwrite %N %N\ncold 5 6\nwarm\ncached x\ndropped 1"]
)
def test_what_a_device_cannot_do_is_absent_from_the_probe(said: str) -> None:
    assert parse_probe(said) == Probe(False, None, None, None, None, None)


def test_a_clock_that_went_back_tells_no_duration() -> None:
    assert parse_probe(f"write {T0} {T0 - 1}").write_ns is None


def test_a_device_without_faults_is_good() -> None:
    checks = (
        check_shell(7, b"out", b"err"),
        check_programs(GOOD),
        check_clock(0.4, 1.001, counted=False),
        check_cold_cache(GOOD),
        check_flash(GOOD, 20_000_000),
        check_space(1 << 30),
        check_pinning(GOOD),
        check_battery(PHONE.model_copy(update={"battery_percent": 80})),
        check_temperature(PHONE.model_copy(update={"temperature_millicelsius": 31_000}), 0),
    )
    assert {check.verdict for check in checks} == {"good"}
    assert not any(check.remedy for check in checks)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (check_shell(0, b"outerr", b""), "got 0, b'outerr', b''"),
        (check_programs(replace(GOOD, executes=False)), "nothing there may be executed"),
        (check_clock(0.1, 0.7, counted=False), "0.700 of its rate"),
        (check_clock(-7200.0, 1.0, counted=False), "-7200.0 s"),
        (check_cold_cache(replace(GOOD, evicted_bytes=0)), "0.0 MiB evicted of at least 8"),
        (check_cold_cache(replace(GOOD, cold_ns=9_000_000)), "cold 9.0 ms, warm 10.0 ms"),
        (check_flash(GOOD, 200_000_000), "the profile reads 200 MB/s"),
        (check_space(1 << 20), "1 MiB free"),
        (check_pinning(replace(GOOD, pinned="0-7")), "may run on 0-7"),
        (check_battery(PHONE.model_copy(update={"battery_percent": 3})), "3 %"),
        (check_temperature(PHONE, 3), "throttling: severe"),
        (
            check_temperature(PHONE.model_copy(update={"temperature_millicelsius": 52_000}), None),
            "52.0 °C",
        ),
    ],
)
def test_a_fault_is_bad_and_says_what_to_do(check, said: str) -> None:
    assert check.verdict == "bad"
    assert said in check.said
    assert check.remedy


def test_what_a_device_does_not_tell_is_absent() -> None:
    silent = Probe(True, None, None, None, None, None)
    checks = (
        check_cold_cache(silent),
        check_flash(silent, 1),
        check_space(None),
        check_pinning(silent),
        check_battery(PHONE),
        check_temperature(PHONE, None),
    )
    assert {check.verdict for check in checks} == {"absent"}


def test_the_counted_clock_may_have_any_rate() -> None:
    assert check_clock(-5000.0, 0.08, counted=True).verdict == "good"


@pytest.mark.parametrize(
    ("said", "status"),
    [("Thermal Status: 0\nCached", 0), ("x\nThermal Status: 6\n", 6), ("Thermal Status: 9", None)],
)
def test_the_thermal_status_is_a_known_one(said: str, status: int | None) -> None:
    assert parse_thermal_status(said) == status


def test_abilities_come_in_one_order_without_strangers() -> None:
    assert parse_abilities("pinning\nmemory\nlevitation\n") == ("memory", "pinning")


def test_a_device_is_checked_and_left_as_it_was(transport: Transport) -> None:
    virtual = not transport.serial.startswith("local:")
    setting = Setting("virtual", "counted") if virtual else Setting("phone")
    checks = {check.what: check for check in check_up(transport, setting, Silent())}
    assert [checks[what].verdict for what in ("shell", "programs", "pinning")] == ["good"] * 3
    assert checks["cold cache"].verdict == ("good" if virtual else "absent")
    assert checks["battery"].verdict == "absent" or not virtual
    assert transport.shell(["ls", "-A", transport.base]).checked().stdout == b""


def test_a_device_in_use_is_not_checked_and_its_holder_is_listed(local: LocalTransport) -> None:
    assert read_details(local, Setting("phone")).holder is None
    with held_lock(local, lock_path(local), Silent()):
        with pytest.raises(DeviceHeld):
            check_up(local, Setting("phone"), Silent(), wait_s=0)
        details = read_details(local, Setting("phone"))
    assert ", process " in str(details.holder)
    assert details.storage_free_bytes
    assert details.conditions.memory_bytes


def test_the_list_says_which_device_does_not_answer(tmp_path: Path) -> None:
    assert list(list_devices([Endpoint("127.0.0.1", 1)])) == [
        Listed("127.0.0.1:1", "at its endpoint", "does not answer")
    ]
