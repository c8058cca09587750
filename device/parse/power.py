"""`dumpsys battery` and thermal zones: absent on many devices, and then None."""

import re

_COLDEST_MILLICELSIUS, _HOTTEST_MILLICELSIUS = -50_000, 200_000
_FULL_PERCENT = 100


def parse_battery_percent(text: str) -> int | None:
    """The charge that `dumpsys battery` reports; None when it does not."""
    level = re.search(r"^\s*level: (\d{1,9})$", text, flags=re.MULTILINE)
    scale = re.search(r"^\s*scale: (\d{1,9})$", text, flags=re.MULTILINE)
    if level is None or scale is None or int(scale[1]) == 0:
        return None
    percent = _FULL_PERCENT * int(level[1]) // int(scale[1])
    return percent if percent <= _FULL_PERCENT else None


def parse_temperature_millicelsius(text: str) -> int | None:
    """The hottest of the zones, `temp` files of /sys/class/thermal one a line; None without any.

    Zones that are switched off report nonsense (0 K, say), which is passed over.
    """
    zones = (int(line) for line in text.split() if re.fullmatch(r"-?\d{1,9}", line))
    sane = [t for t in zones if _COLDEST_MILLICELSIUS < t < _HOTTEST_MILLICELSIUS and t != 0]
    return max(sane, default=None)
