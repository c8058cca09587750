"""docs/faults.md: a row for each fault, as the tests saw it end.

`pytest tests/device/faults --write-faults` writes the rows of the tests that it ran.
"""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
HEADER = "| fault | how it ends | exit code |\n| --- | --- | --- |\n"
COMPLETED = "completes"

_ROW = re.compile(r"\| (.+?) \| (.+) \| (\d+) \|")
_SHOWN_CHARS = 170
_VARYING = (
    (re.compile(r"local:\S+?(?=[:, ])|127\.0\.0\.1:\d+"), "DEVICE"),
    (re.compile(r"(/data/local/tmp|/\S*?/device)(?=/|\W)"), "BASE"),
    (
        re.compile(r"used by \S+ on \S+, process \d+, since [^,]+"),
        "used by USER on HOST, since TIME",
    ),
    (re.compile(r"\([^()]*(?:Errno|reset|closed|Broken pipe)[^()]*\)"), "(why)"),
    (re.compile(r"\(/\S*/keys\)"), "(KEYS)"),
    (re.compile(r"; it said: .*\)", re.DOTALL), "; it said …)"),
    (re.compile(r"[0-9a-f]{64}"), "SHA256"),
    (re.compile(r"(?<![a-z])\d+(\.\d+)?"), "N"),
)


@dataclass(frozen=True)
class Row:
    """A fault, the error's kind and the beginning of its message, and the exit code."""

    fault: str
    ends: str
    exit_code: int

    @classmethod
    def of(cls, fault: str, error: BaseException | None) -> "Row":
        """The row of a session that ended with that error, or completed."""
        if error is None:
            return cls(fault, COMPLETED, 0)
        ends = f"`{type(error).__name__}`: {_steady(str(error))}"
        return cls(fault, ends, getattr(error, "exit_code", -1))

    @property
    def line(self) -> str:
        """As it stands in the table."""
        return f"| {self.fault} | {self.ends} | {self.exit_code} |"


def read_rows(text: str) -> dict[str, Row]:
    """The rows of the page by fault."""
    found = (_ROW.fullmatch(line) for line in text.splitlines())
    rows = (Row(match[1], match[2], int(match[3])) for match in found if match)
    return {row.fault: row for row in rows}


def with_rows(text: str, rows: dict[str, Row]) -> str:
    """The page with these rows beside those that it has, sorted."""
    before = text.partition(HEADER)[0]
    both = {**read_rows(text), **rows}
    return before + HEADER + "".join(f"{both[name].line}\n" for name in sorted(both))


def _steady(message: str) -> str:
    for pattern, name in _VARYING:
        message = pattern.sub(name, message)
    line = " ".join(message.split()).replace("|", "/")
    return line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS].rsplit(' ', 1)[0]} …"
