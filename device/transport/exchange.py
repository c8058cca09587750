"""A recorded device: what it was asked, and what it answered; a JSON document a line.

Bytes are text in which each is one character (ISO 8859-1).
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from taskzip.contracts.document import Document, write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.device import errors
from taskzip.device.conditions import Setting
from taskzip.device.transport.protocol import Completed

BYTES_AS_TEXT = "latin-1"

_VOLATILE = re.compile(r"[^\n]* on [^\n]*, process \d+, since \S+|\b\d{9,10}\b")
"""Who holds the lock and since when, and times in seconds: they differ from run to run."""


class Recording(Document):
    """The first line: which device this was."""

    format: Literal[1] = 1
    serial: str
    base: str
    setting: Setting


class Exchange(Document):
    """One call, in the order of the calls; of what it answered, what there was."""

    kind: Literal["shell", "lines", "push", "pull"]
    words: tuple[str, ...]
    """The command, or the path on the device."""
    output: str = ""
    """Standard output, or the file that was pulled."""
    errors: str = ""
    exit_code: int | None = None
    """None where the stream was closed before its end."""
    trouble: str | None = None
    """The error that was raised: its name, and behind a colon its message."""

    def answers(self, kind: str, words: Sequence[str]) -> bool:
        """Whether this is the answer to that call."""
        return self.kind == kind and stable(self.words) == stable(words)

    def completed(self, serial: str, words: Sequence[str]) -> Completed | None:
        """How the command ended, if it did."""
        if self.exit_code is None:
            return None
        stdout, stderr = (text.encode(BYTES_AS_TEXT) for text in (self.output, self.errors))
        return Completed(serial, tuple(words), self.exit_code, stdout, stderr)

    def raise_trouble(self) -> None:
        """Raise what was raised."""
        if self.trouble is not None:
            name, _, message = self.trouble.partition(":")
            raise getattr(errors, name, errors.ConnectionLost)(message)


def stable(words: Sequence[str]) -> tuple[str, ...]:
    """The words without what differs from run to run."""
    return tuple(_VOLATILE.sub("…", word) for word in words)


def write_recording(file: Path, head: Recording, exchanges: Iterable[Exchange]) -> None:
    """Write the file whole."""
    lines = (document.model_dump_json(exclude_defaults=True) for document in (head, *exchanges))
    write_atomically(file, "".join(f"{line}\n" for line in lines).encode())


def read_recording(file: Path) -> tuple[Recording, tuple[Exchange, ...]]:
    """The device and its calls; BadInput when the file is none."""
    try:
        first, *rest = file.read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: the recorded device cannot be read ({error})") from error
    head = Recording.parse(first, f"{file}:1")
    calls = (Exchange.parse(line, f"{file}:{n}") for n, line in enumerate(rest, start=2))
    return head, tuple(calls)
