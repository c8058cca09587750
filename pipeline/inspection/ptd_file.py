"""A .ptd as it is stored: a flatbuffer of names, and the data behind it.

A .pte whose constants stand in one finds it beside itself, under its own name.
"""

import struct
from pathlib import Path

from taskzip.contracts.provenance import PROVENANCE_OF_DATA, Provenance
from taskzip.pipeline.inspection.flatc import FLAT_TENSOR, as_json

IDENTIFIER = b"FT01"
HEADER_MAGIC = b"FH01"
_HEADER = struct.Struct("<4sIQQQQ")
"""Magic, its length, offset and size of the flatbuffer, where segments start, their size."""


def data_path(path: Path) -> Path:
    """Where the .pte at `path` has its data file, if it has one."""
    return path.with_suffix(".ptd")


class PtdFile:
    """An open one; any exception when it is damaged."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        if content[4:8] != IDENTIFIER:
            raise ValueError(f"{path.name} does not say {IDENTIFIER.decode()} where such files do")
        magic, _, start, size, self._base, _ = _HEADER.unpack_from(content, 8)
        if magic != HEADER_MAGIC:
            raise ValueError(f"{path.name} has no header of such files")
        table = as_json(content[: start + size], FLAT_TENSOR)
        self._name, self._content = path.name, memoryview(content)
        self.bytes = len(content)
        self._segments = table.get("segments", ())
        named = table.get("named_data", ())
        self.named = {each["key"]: each.get("segment_index", 0) for each in named}
        """The segment of each name."""

    def segment(self, index: int) -> memoryview:
        """The bytes of a segment."""
        segment = self._segments[index]
        start = self._base + segment.get("offset", 0)
        found = self._content[start : start + segment.get("size", 0)]
        if len(found) != segment.get("size", 0):
            raise ValueError(f"segment {index} reaches beyond the end of {self._name}")
        return found

    def provenance(self) -> Provenance | None:
        """How it was made, where it says so."""
        if PROVENANCE_OF_DATA not in self.named:
            return None
        content = bytes(self.segment(self.named[PROVENANCE_OF_DATA]))
        return Provenance.parse(content, "its provenance")
