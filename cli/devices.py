"""How devices and their profiles are shown."""

from collections.abc import Iterable

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from taskzip.device.checks import Check
from taskzip.device.inventory import Listed
from taskzip.device.virtual.profile import Profile
from taskzip.device.virtual.profiles import NamedProfile

_MIB = 1 << 20
_VERDICTS = {"good": "[green]good[/]", "absent": "[yellow]absent[/]", "bad": "[red]bad[/]"}


def device_table(devices: Iterable[Listed]) -> Table:
    """A device a row; what it does not tell is a dash."""
    table = Table()
    table.add_column("device", no_wrap=True)
    table.add_column("what it is")
    table.add_column("state", overflow="fold")
    for name in ("memory", "free", "battery", "°C"):
        table.add_column(name, justify="right")
    table.add_column("measures", min_width=12)
    for device in devices:
        cells = (device.name, _what(device), device.state, *_told(device))
        table.add_row(*map(escape, cells))
    return table


def profile_table(profiles: Iterable[NamedProfile]) -> Table:
    """A profile a row."""
    table = Table("profile", "what it is", "clock", "CPU")
    for name in ("memory", "flash reads", "flash writes"):
        table.add_column(name, justify="right")
    for each in profiles:
        cells = (each.name, each.description, *_profile_cells(each.profile))
        table.add_row(*map(escape, cells))
    return table


def check_table(checks: Iterable[Check]) -> Table:
    """A check a row."""
    table = Table("", "what", "found", "what to do")
    for check in checks:
        cells = (check.what, check.said, check.remedy)
        table.add_row(_VERDICTS[check.verdict], *map(escape, cells))
    return table


def _what(device: Listed) -> str:
    if device.details is None:
        return device.kind
    told = device.details.conditions
    android = f"Android {told.android_version}" if told.android_version else None
    return ", ".join(part for part in (device.kind, told.model, android, told.abi) if part)


def _told(device: Listed) -> tuple[str, ...]:
    if device.details is None:
        return ("–",) * 5
    told, free = device.details.conditions, device.details.storage_free_bytes
    return (
        _mib(told.memory_bytes),
        _mib(free),
        "–" if told.battery_percent is None else f"{told.battery_percent} %",
        "–"
        if told.temperature_millicelsius is None
        else f"{told.temperature_millicelsius / 1000:.1f}",
        ", ".join(device.details.measures),
    )


def _mib(count: int | None) -> str:
    return "–" if count is None else f"{count / _MIB:,.0f} MiB"


def _profile_cells(profile: Profile) -> tuple[str, ...]:
    return (
        profile.clock,
        f"{profile.vcpus} × {profile.cpu_model}",
        f"{profile.memory_mib} MiB",
        _flash(profile.flash_read_bytes_per_second, profile.flash_read_iops),
        _flash(profile.flash_write_bytes_per_second, profile.flash_write_iops),
    )


def _flash(bytes_per_second: int, iops: int | None) -> str:
    rate = f"{decimal(bytes_per_second)}/s"
    return f"{rate}, {iops:,} IOPS" if iops else rate
