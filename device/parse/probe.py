"""What the check-up's one command on the device says: `NAME WORDS` a line, times in pairs."""

import re
from dataclasses import dataclass

_STAMP = re.compile(r"\d{19}")  # nanoseconds since 1970: `date +%s%N`
_KIB = 1024
_PAIR = 2


@dataclass(frozen=True)
class Probe:
    """Durations by the device's own clock; None where the device cannot do it."""

    executes: bool
    """Whether a file in the working folder may be a program."""
    pinned: str | None
    """The processors of a program that was given the first one alone."""
    write_ns: int | None
    cold_ns: int | None
    warm_ns: int | None
    evicted_bytes: int | None
    """By which the page cache became smaller when it was dropped."""


def parse_probe(text: str) -> Probe:
    """The probe; whatever is missing or makes no sense is None."""
    said = dict(line.partition(" ")[::2] for line in text.splitlines())
    before, after = (_count(said.get(name)) for name in ("cached", "dropped"))
    return Probe(
        executes=said.get("executes") == "9",
        pinned=said.get("pinned") or None,
        write_ns=_duration(said.get("write")),
        cold_ns=_duration(said.get("cold")),
        warm_ns=_duration(said.get("warm")),
        evicted_bytes=None if before is None or after is None else (before - after) * _KIB,
    )


def _duration(text: str | None) -> int | None:
    stamps = (text or "").split()
    if len(stamps) != _PAIR or not all(map(_STAMP.fullmatch, stamps)):
        return None
    began, ended = map(int, stamps)
    return ended - began if ended > began else None


def _count(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,15}", text) else None
