"""The `newc` archive format that Linux unpacks as its initial memory disk."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A folder (no content), file or symbolic link (content is its target) of the archive."""

    path: str
    mode: int
    content: bytes = b""


def folder(path: str) -> Entry:
    """A folder that root may change."""
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, content: bytes) -> Entry:
    """A file that root may change."""
    return Entry(path, stat.S_IFREG | 0o644, content)


def program(path: str, content: bytes) -> Entry:
    """A file that may be executed."""
    return Entry(path, stat.S_IFREG | 0o755, content)


def archive(entries: Iterable[Entry]) -> bytes:
    """The archive of `entries` in their order (a folder before what is in it), owned by root."""
    listed = [*entries, Entry(_TRAILER, 0)]
    return b"".join(_encode(number, entry) for number, entry in enumerate(listed, start=1))


def _encode(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, 0, 0, len(name), 0)
    header = _MAGIC + b"".join(b"%08x" % field for field in fields) + name
    return _padded(header) + _padded(entry.content)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)
