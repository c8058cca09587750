"""`df -k FOLDER`."""

from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.fields import shown, whole_number

_KIB = 1024
_NUMBERS = 4
"""Blocks, used, available, and a percentage stand behind the file system's name."""


def parse_available(text: str) -> int:
    """Bytes that an ordinary user may still write; ParseTrouble unless one file system is listed.

    A long file system name pushes its numbers to a line of their own; both forms are read.
    """
    header, _, rest = text.strip().partition("\n")
    fields = rest.split()
    if not header.startswith("Filesystem") or len(fields) < _NUMBERS + 1:
        raise ParseTrouble(f"df should list one file system, the device says {shown(text)}")
    return whole_number(fields[3], "df: available") * _KIB
