"""A .pte as it is stored: its flatbuffer, the segments behind it, what has a name."""

import struct
from pathlib import Path

from taskzip.contracts.provenance import PROVENANCE, Provenance
from taskzip.contracts.recipes import RECIPES, Recipes, WeightRecipe
from taskzip.pipeline.inspection.flatc import PROGRAM, as_json

IDENTIFIER = b"ET12"
HEADER_MAGIC = b"eh00"
_HEADER = struct.Struct("<4sIQQ")
"""Magic, its length, bytes of the program, where segments start; behind the first 8 bytes."""


class PteFile:
    """An open one; any exception when it is damaged."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        if content[4:8] != IDENTIFIER:
            raise ValueError(f"it does not say {IDENTIFIER.decode()} where such files do")
        magic, _, program_bytes, self._base = _HEADER.unpack_from(content, 8)
        if magic != HEADER_MAGIC:
            program_bytes, self._base = len(content), len(content)
        self._content = memoryview(content)
        self.program = as_json(content[:program_bytes], PROGRAM)
        named = self.program.get("named_data", ())
        self.named = {each["key"]: each.get("segment_index", 0) for each in named}
        """The segment of each name."""

    def segment(self, index: int) -> memoryview:
        """The bytes of a segment."""
        segment = self.program["segments"][index]
        start = self._base + segment.get("offset", 0)
        found = self._content[start : start + segment.get("size", 0)]
        if len(found) != segment.get("size", 0):
            raise ValueError(f"segment {index} reaches beyond the file's end")
        return found

    def recipes(self) -> tuple[WeightRecipe, ...]:
        """Of the constants that a runner puts together."""
        if RECIPES not in self.named:
            return ()
        return Recipes.parse(bytes(self.segment(self.named[RECIPES])), "its recipes").weights

    def provenance(self) -> Provenance | None:
        """How it was made, where it says so."""
        if PROVENANCE not in self.named:
            return None
        return Provenance.parse(bytes(self.segment(self.named[PROVENANCE])), "its provenance")
