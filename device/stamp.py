"""The stamp: what is known of the store's entries, kept beside them on the device.

Hashing everything at each start would cost seconds on a slow device. An entry is hashed once, and
its inode's state is kept (size, mode, modification and change time in nanoseconds, inode). Whatever
writes to it, replaces it or sets its times changes the state, and the entry is hashed again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from taskzip.device.errors import ParseTrouble
from taskzip.device.parse.files import FileState, parse_state

KEPT_PUSHES = 10

_HEADER = "taskzip store 1"
_LINE = re.compile(r"(\d{1,9})\|(.+)")
_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A verified entry in the state in which it was hashed; its path is its SHA-256.

    `used` is the number of the last push that needed it; pushes of the same files are one.
    """

    state: FileState
    used: int = 0


Entries = Mapping[str, Entry]
"""By SHA-256."""


def format_stamp(entries: Entries) -> str:
    """The stamp's text: a header, then the last use and the state of each entry."""
    lines = (f"{entry.used}|{entry.state.line}" for entry in entries.values())
    return "\n".join((_HEADER, *lines))


def parse_stamp(text: str) -> dict[str, Entry]:
    """What a stamp says; nothing when it is missing, of another form, or damaged."""
    header, _, rest = text.partition("\n")
    if header != _HEADER:
        return {}
    try:
        found = [_parse_line(line) for line in rest.split("\n") if line]
    except ParseTrouble:
        return {}
    return {entry.state.path: entry for entry in found}


def _parse_line(line: str) -> Entry:
    match = _LINE.fullmatch(line)
    state = parse_state(match[2]) if match else None
    if match is None or state is None or not _NAME.fullmatch(state.path):
        raise ParseTrouble("the stamp is damaged")
    return Entry(state, int(match[1]))


def mark_used(entries: Entries, wanted: Iterable[str]) -> dict[str, Entry]:
    """The entries after a push that needs `wanted`, all of which are among them."""
    wanted = set(wanted)
    last = max((entry.used for entry in entries.values()), default=0)
    if {name for name, entry in entries.items() if entry.used == last} == wanted and last > 0:
        return dict(entries)
    return {
        name: replace(entry, used=last + 1) if name in wanted else entry
        for name, entry in entries.items()
    }


def outdated(entries: Entries) -> list[str]:
    """Entries that none of the last KEPT_PUSHES pushes needed."""
    last = max((entry.used for entry in entries.values()), default=0)
    return [name for name, entry in entries.items() if entry.used <= last - KEPT_PUSHES]


def oldest_first(entries: Entries, wanted: Iterable[str]) -> list[str]:
    """Entries that may go when space is needed, in the order in which they go."""
    spare = entries.keys() - set(wanted)
    return sorted(spare, key=lambda name: (entries[name].used, name))
