"""Battery counters as Android and the kernel tell them, and rubbish."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskzip.contracts.battery import BatteryReading
from taskzip.contracts.errors import DeviceTrouble
from taskzip.device.battery import read_battery
from taskzip.device.parse.battery import parse_battery
from taskzip.device.transport.local import LocalTransport

# Typed after the form that Android's BatteryService writes; no phone was at hand to record.
SERVICE = """Current Battery Service state:
  AC powered: false
  USB powered: false
  Wireless powered: false
  Dock powered: false
  Max charging current: 0
  Max charging voltage: 0
  Charge counter: 2876000
  status: 3
  health: 2
  present: true
  level: 78
  scale: 100
  voltage: 4180
  temperature: 284
  technology: Li-ion
"""
KERNEL = "charge_counter 2875500\nenergy_now 11980000\nvoltage_now 4179687\ncurrent_now -312500\n"
UPTIME = "12345.67 98765.43\n"
READING = BatteryReading(
    uptime_ms=12_345_670,
    charging=False,
    charge_microampere_hours=2_876_000,
    energy_microwatt_hours=None,
    voltage_microvolts=4_180_000,
    current_microamperes=None,
)


def parse(service: str, kernel: str = "", uptime: str = UPTIME) -> BatteryReading | None:
    return parse_battery(f"{uptime}\0{service}\0{kernel}")


def test_android_alone_tells_charge_and_voltage() -> None:
    assert parse(SERVICE) == READING


def test_the_kernel_is_finer_where_it_may_be_read() -> None:
    assert parse(SERVICE, KERNEL) == READING.model_copy(
        update={
            "charge_microampere_hours": 2_875_500,
            "energy_microwatt_hours": 11_980_000,
            "voltage_microvolts": 4_179_687,
            "current_microamperes": -312_500,
        }
    )


@pytest.mark.parametrize("source", ["AC", "USB", "Wireless", "Dock"])
def test_any_source_of_power_charges(source: str) -> None:
    told = parse(SERVICE.replace(f"{source} powered: false", f"{source} powered: true"))
    assert told == READING.model_copy(update={"charging": True})


@pytest.mark.parametrize("nonsense", ["0", "-1", "999999999999", "-2147483648"])
def test_counts_that_no_battery_has_are_not_told(nonsense: str) -> None:
    assert parse(SERVICE.replace("2876000", nonsense)) is None
    assert parse(SERVICE, f"charge_counter {nonsense}\nvoltage_now {nonsense}\n") == READING


@pytest.mark.parametrize(
    ("service", "uptime"), [("", UPTIME), ("sh: dumpsys: not found\n", UPTIME), (SERVICE, "")]
)
def test_a_device_without_a_gauge_or_a_clock_gives_nothing(service: str, uptime: str) -> None:
    assert parse(service, uptime=uptime) is None


LIKELY = st.text(alphabet="Charge counter:voltage powered: true\n-0123456789. \0", max_size=300)


@given(text=st.text() | LIKELY)
def test_rubbish_is_trouble_or_nothing_but_never_a_crash(text: str) -> None:
    for told in (text, f"{UPTIME}\0{text}\0{text}"):
        with suppress(DeviceTrouble):
            parse_battery(told)


def test_the_command_reads_what_the_phones_service_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumpsys = tmp_path / "dumpsys"
    dumpsys.write_text(f"#!/bin/sh\ncat <<'END'\n{SERVICE}END\n")
    dumpsys.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told = read_battery(LocalTransport(tmp_path))
    assert told is not None
    assert (told.charge_microampere_hours, told.charging) == (2_876_000, False)


def test_this_computer_has_no_phones_battery(local: LocalTransport) -> None:
    assert read_battery(local) is None
