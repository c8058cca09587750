"""What a battery's gauge says, by `dumpsys battery` and by the kernel's own files."""

import re

from taskzip.contracts.battery import BatteryReading
from taskzip.device.parse.sections import split_sections

# The kernel's files are closed to the shell on many phones; Android tells the charge in any case.
ASK_BATTERY = r"""
{
    cat /proc/uptime; printf '\0'
    dumpsys battery; printf '\0'
    cd /sys/class/power_supply/battery &&
        for file in charge_counter energy_now voltage_now current_now; do
            read -r value <$file && echo "$file $value"
        done
} 2>/dev/null
exit 0
"""
_SECTIONS = 3
_MOST_CHARGE, _MOST_ENERGY = 10**8, 10**9  # 100 Ah, 1 kWh
_MOST_CURRENT = 10**8  # 100 A
_LEAST_VOLTAGE, _MOST_VOLTAGE = 2 * 10**6, 10**8  # 2 V, 100 V


def parse_battery(text: str) -> BatteryReading | None:
    """The reading; None where there is no gauge, or none that counts."""
    uptime, service, files = split_sections(text, _SECTIONS)
    kernel = dict(re.findall(r"^(\w{1,20}) (-?\d{1,12})$", files, flags=re.MULTILINE))
    passed = re.match(r"(\d{1,12})\.(\d\d) ", uptime)
    charge = _within(kernel.get("charge_counter"), 1, _MOST_CHARGE)
    charge = charge or _within(_told(service, "Charge counter"), 1, _MOST_CHARGE)
    energy = _within(kernel.get("energy_now"), 1, _MOST_ENERGY)
    current = _within(kernel.get("current_now"), -_MOST_CURRENT, _MOST_CURRENT)
    if passed is None or (charge is None and energy is None and current is None):
        return None
    return BatteryReading(
        uptime_ms=1000 * int(passed[1]) + 10 * int(passed[2]),
        charging=_is_charging(service),
        charge_microampere_hours=charge,
        energy_microwatt_hours=energy,
        voltage_microvolts=_voltage(kernel.get("voltage_now"), _told(service, "voltage")),
        current_microamperes=current,
    )


def _told(service: str, name: str) -> str | None:
    """The number that `dumpsys battery` gives a name."""
    match = re.search(rf"^\s*{name}: (-?\d{{1,12}})$", service, flags=re.MULTILINE)
    return match[1] if match else None


def _is_charging(service: str) -> bool | None:
    """Whether any power source is there."""
    powered = re.findall(r"^\s*\w{1,20} powered: (true|false)$", service, flags=re.MULTILINE)
    return "true" in powered if powered else None


def _voltage(kernel: str | None, service: str | None) -> int | None:
    """In microvolts, as the kernel says; Android says millivolts."""
    in_millivolts = None if service is None else f"{service}000"
    return _within(kernel, _LEAST_VOLTAGE, _MOST_VOLTAGE) or _within(
        in_millivolts, _LEAST_VOLTAGE, _MOST_VOLTAGE
    )


def _within(text: str | None, least: int, most: int) -> int | None:
    """The number, unless it is one that no phone's battery can have."""
    return int(text) if text is not None and least <= int(text) <= most else None
