"""The sharing ledger: what model files hold, each constant once or more often, and who uses it."""

import math
from typing import Literal

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Runtime, Sha256
from taskzip.contracts.provenance import Provenance

LEDGER_FILE = "ledger.json"
FP32_BYTES = 4


class Use(Document):
    """An operator that reads a constant."""

    entry: str
    """The method or signature."""
    operator: str
    """Its number in the order of execution, its kind, and what the constant is to it: `2 Conv2d
    filter`."""


class Constant(Document):
    """A tensor as it is stored: of several with the same content each is one."""

    bytes: Bytes
    sha256: Sha256
    dtype: str
    shape: tuple[int, ...]
    uses: tuple[Use, ...]

    @property
    def numbers(self) -> int:
        """How many it holds; of one that no operator reads, its bytes."""
        return math.prod(self.shape)

    @property
    def entries(self) -> tuple[str, ...]:
        """The entries that use it, each once."""
        return tuple(dict.fromkeys(use.entry for use in self.uses))


class FileLedger(Document):
    """One model file; shared, private and unused bytes add up to its constants'."""

    path: str
    runtime: Runtime
    bytes: Bytes
    """With its data file's."""
    data_bytes: Bytes = 0
    """Of the `.ptd` of the same name, where the constants stand there."""
    program_bytes: Bytes
    """All that is no constant: graphs, names, provenance, padding."""
    entries: tuple[str, ...]
    shared_bytes: Bytes
    """Of constants that more than one entry uses."""
    private_bytes: dict[str, Bytes]
    """Of those that one entry alone uses, by entry."""
    unused_bytes: Bytes
    duplicated_bytes: Bytes
    """Of constants that the file holds already: what storing each content once would save."""
    constants: tuple[Constant, ...]
    """Largest first."""
    provenance: Provenance | None = None
    """What the file says of how it was made; None where it says nothing."""

    @property
    def constant_bytes(self) -> int:
        """Of all constants."""
        return self.shared_bytes + sum(self.private_bytes.values()) + self.unused_bytes

    @property
    def numbers(self) -> int:
        """Of all constants, whatever their precision; scales of quantized ones count as numbers."""
        return sum(each.numbers for each in self.constants)


class Ledger(Document):
    """What `deploy inspect` found."""

    format: Literal[1] = 1
    files: tuple[FileLedger, ...]
    minimum_bytes: Bytes | None = None
    """Of the joint network's weights in fp32, each stored once; None where no bundle says it."""

    @property
    def minimum_numbers(self) -> int | None:
        """How many these weights are, in any precision."""
        return None if self.minimum_bytes is None else self.minimum_bytes // FP32_BYTES
