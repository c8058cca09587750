"""Constants as a model file stores them, and the ledger that they make."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskzip.contracts.ledger import Constant, FileLedger, Use
from taskzip.contracts.names import Runtime
from taskzip.contracts.provenance import Provenance

SMALLEST_DUPLICATE_BYTES = 64
"""Shapes, axes and single numbers may stand in a file as often as they like."""


@dataclass
class Stored:
    """One constant at its place in the file."""

    content: bytes | memoryview
    dtype: str
    shape: tuple[int, ...]
    uses: list[Use] = field(default_factory=list)


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    runtime: Runtime
    entries: tuple[str, ...]
    stored: Sequence[Stored]
    provenance: Provenance | None = None
    data_bytes: int = 0
    """Of the data file beside it."""


def ledger_of(contents: Contents, path: Path, name: str) -> FileLedger:
    """The ledger of the file at `path`, called `name`."""
    constants = [_constant(each) for each in contents.stored if len(each.content)]
    constants.sort(key=lambda each: (-each.bytes, each.sha256))
    size = path.stat().st_size + contents.data_bytes
    alone = [(each.entries[0], each.bytes) for each in constants if len(each.entries) == 1]
    return FileLedger(
        path=name,
        runtime=contents.runtime,
        bytes=size,
        data_bytes=contents.data_bytes,
        program_bytes=size - sum(each.bytes for each in constants),
        entries=contents.entries,
        shared_bytes=sum(each.bytes for each in constants if len(each.entries) > 1),
        private_bytes={
            entry: sum(size for name, size in alone if name == entry) for entry in contents.entries
        },
        unused_bytes=sum(each.bytes for each in constants if not each.uses),
        duplicated_bytes=sum(each.bytes for each in duplicates(constants)),
        constants=tuple(constants),
        provenance=contents.provenance,
    )


def duplicates(constants: Sequence[Constant]) -> list[Constant]:
    """Those whose content stands in the file before them."""
    seen: Counter[str] = Counter()
    found = []
    for each in constants:
        if each.bytes >= SMALLEST_DUPLICATE_BYTES and seen[each.sha256]:
            found.append(each)
        seen[each.sha256] += 1
    return found


def _constant(stored: Stored) -> Constant:
    return Constant(
        bytes=len(stored.content),
        sha256=hashlib.sha256(stored.content).hexdigest(),
        dtype=stored.dtype,
        shape=stored.shape,
        uses=tuple(stored.uses),
    )
