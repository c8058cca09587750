"""`stat` and `sha256sum`: what files on the device are."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.fields import shown, whole_number

STAT_FORMAT = "%i|%f|%s|%y|%z|%n"
"""For `stat -c`: inode, mode in hexadecimal, bytes, modification, change, name."""

_STAT = re.compile(r"(\d+)\|([0-9a-f]+)\|(\d+)\|([^|\n]+)\|([^|\n]+)\|([^|\n]+)")
_HASH = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_TIME = re.compile(r"([-\d]+ [:\d]+)\.(\d{1,9}) ([-+]\d{4})")
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S %z"
_REGULAR = 0o100000
_TYPE = 0o170000


class Content(NamedTuple):
    """What a new name and a new mode leave as it was, and what writing to the file changes."""

    inode: int
    bytes: int
    modified_ns: int


@dataclass(frozen=True)
class FileState:
    """A file as its inode tells; equal states mean that nothing wrote to the file in between.

    `changed` is the inode's change time, which the system sets at every write, rename and change
    of mode or times, and which no program can set. Both times are kept as the device prints them,
    with nanoseconds.
    """

    path: str
    inode: int
    mode: int
    bytes: int
    modified: str
    changed: str

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, and not a link or a folder."""
        return self.mode & _TYPE == _REGULAR

    @property
    def content(self) -> Content:
        """The same for the same content; ParseTrouble where the times are none."""
        return Content(self.inode, self.bytes, _nanoseconds(self.modified))

    @property
    def line(self) -> str:
        """The line of `stat -c STAT_FORMAT` that this was read from."""
        fields = (self.inode, f"{self.mode:x}", self.bytes, self.modified, self.changed, self.path)
        return "|".join(map(str, fields))


def parse_state(line: str) -> FileState:
    """The file of one line of `stat -c STAT_FORMAT`; ParseTrouble for anything else."""
    match = _STAT.fullmatch(line)
    if match is None:
        raise ParseTrouble(f"stat should describe a file, the device says {shown(line)}")
    inode, mode, size, modified, changed, path = match.groups()
    return FileState(
        path=path,
        inode=whole_number(inode, "stat: inode"),
        mode=int(mode, 16),
        bytes=whole_number(size, "stat: bytes"),
        modified=modified,
        changed=changed,
    )


def parse_states(text: str) -> dict[str, FileState]:
    """Files by path, from the lines of `stat -c STAT_FORMAT`."""
    states = (parse_state(line) for line in text.split("\n") if line)
    return {state.path: state for state in states}


def parse_hashes(text: str) -> dict[str, str]:
    """SHA-256 in hexadecimal by path, from the lines of `sha256sum`; ParseTrouble for others."""
    hashes = {}
    for line in text.split("\n"):
        match = _HASH.fullmatch(line)
        if match:
            hashes[match[2]] = match[1]
        elif line:
            raise ParseTrouble(f"sha256sum should name a file, the device says {shown(line)}")
    return hashes


def _nanoseconds(said: str) -> int:
    """A time as `stat` prints it, since 1970."""
    match = _TIME.fullmatch(said)
    try:
        at = datetime.strptime(f"{match[1]} {match[3]}" if match else "", _TIME_FORMAT)
    except ValueError as error:
        raise ParseTrouble(f"stat should tell a time, the device says {shown(said)}") from error
    fraction = match[2] if match else ""
    return int(at.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))
