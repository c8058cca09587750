"""`/proc/meminfo`."""

import re
from dataclasses import dataclass

from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.fields import shown, whole_number

_KIB = 1024


@dataclass(frozen=True)
class DeviceMemory:
    """The whole device's memory."""

    total_bytes: int
    available_bytes: int


def parse_meminfo(text: str) -> DeviceMemory:
    """Total and available memory; ParseTrouble when either is missing."""
    return DeviceMemory(_kib(text, "MemTotal") * _KIB, _kib(text, "MemAvailable") * _KIB)


def _kib(text: str, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\S+) kB$", text, flags=re.MULTILINE)
    if match is None:
        raise ParseTrouble(f"/proc/meminfo lacks {name}, it begins with {shown(text)}")
    return whole_number(match[1], f"/proc/meminfo: {name}")
