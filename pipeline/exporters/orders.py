"""What exporters are asked for, and what came of it."""

from dataclasses import dataclass
from pathlib import Path

from taskzip.contracts.names import Precision, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.parity import HostParity


@dataclass(frozen=True)
class FileOrder:
    """A file to export: where, for which runtime, with which entries."""

    path: Path
    runtime: Runtime
    entries: tuple[EntryPoint, ...]
    precision: Precision = "fp32"


@dataclass(frozen=True)
class Exported:
    """What exporting one file took and how near its entries are to torch."""

    order: FileOrder
    seconds: float
    parities: tuple[HostParity, ...]
