"""Under which conditions numbers are taken: what the device tells of itself, None where silent."""

import platform
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from taskzip.contracts.conditions import Conditions
from taskzip.contracts.names import Clock, Origin
from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.memory import parse_meminfo
from taskzip.device.parse.power import parse_battery_percent, parse_temperature_millicelsius
from taskzip.device.parse.properties import parse_properties
from taskzip.device.parse.sections import split_sections
from taskzip.device.parse.text import printable
from taskzip.device.transport.protocol import Transport

# One command on the device for all: each start of a process costs milliseconds there.
_ASK = r"""
{
    getprop; printf '\0'
    cat /proc/meminfo; printf '\0'
    uname -m; printf '\0'
    uname -r; printf '\0'
    nproc; printf '\0'
    dumpsys battery; printf '\0'
    cat /sys/class/thermal/thermal_zone*/temp
} 2>/dev/null
exit 0
"""
_SECTIONS = 7
_EMULATOR_PROPERTIES = ("ro.kernel.qemu", "ro.boot.qemu")


@dataclass(frozen=True)
class Setting:
    """What the device itself cannot tell: how it is made, and its clock."""

    origin: Origin
    clock: Clock = "real"
    flash_read_bytes_per_second: int | None = None
    flash_read_iops: int | None = None
    cpu_model: str | None = None
    memory_bytes: int | None = None
    """Where programs get less than the device says it has."""
    recorded_at: str | None = None
    """When a recorded device was; ISO 8601, UTC."""


def read_conditions(
    transport: Transport,
    setting: Setting,
    runner_version: str | None = None,
    runtime_versions: dict[str, str] | None = None,
) -> Conditions:
    """The device's conditions now. An emulator is `virtual` even where the setting says phone."""
    text = transport.shell(["sh", "-c", _ASK]).checked().text
    getprop, meminfo, machine, kernel, cpus, battery, thermal = split_sections(text, _SECTIONS)
    properties = parse_properties(getprop)
    emulated = any(properties.get(name) == "1" for name in _EMULATOR_PROPERTIES)
    return Conditions(
        origin="virtual" if emulated else setting.origin,
        clock=setting.clock,
        serial=transport.serial,
        model=_line_or_none(properties.get("ro.product.model", "")),
        android_version=_line_or_none(properties.get("ro.build.version.release", "")),
        abi=_line_or_none(properties.get("ro.product.cpu.abi", "")) or _line_or_none(machine),
        kernel=_line_or_none(kernel),
        cpus=int(cpus) if re.fullmatch(r"[0-9]{1,4}\s*", cpus) else None,
        memory_bytes=setting.memory_bytes or _memory_or_none(meminfo),
        cpu_model=setting.cpu_model,
        flash_read_bytes_per_second=setting.flash_read_bytes_per_second,
        flash_read_iops=setting.flash_read_iops,
        battery_percent=parse_battery_percent(battery),
        temperature_millicelsius=parse_temperature_millicelsius(thermal),
        runner_version=runner_version,
        runtime_versions=runtime_versions or {},
        host=platform.platform(),
        started_at=setting.recorded_at or datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _line_or_none(text: str) -> str | None:
    return printable(text.strip()) or None


def _memory_or_none(text: str) -> int | None:
    try:
        return parse_meminfo(text).total_bytes
    except ParseTrouble:
        return None
