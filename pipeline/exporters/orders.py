"""What exporters are asked for, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskzip.contracts.errors import TaskzipError
from taskzip.contracts.names import Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.fallbacks import Fallback
from taskzip.pipeline.exporters.making import AS_IT_IS, Making
from taskzip.pipeline.exporters.parity import HostParity
from taskzip.pipeline.inspection.ptd_file import data_path


@dataclass(frozen=True)
class FileOrder:
    """A file to export: where, for which runtime, with which entries, and how."""

    path: Path
    runtime: Runtime
    entries: tuple[EntryPoint, ...]
    making: Making = AS_IT_IS

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that is made: the file, and its data file if it is to have one."""
        return (self.path, data_path(self.path)) if self.making.data_file else (self.path,)


@dataclass(frozen=True)
class Exported:
    """What exporting one file took and how near its entries are to torch."""

    order: FileOrder
    seconds: float
    parities: tuple[HostParity, ...]
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What was made, in the order of the orders, and why some runtimes have no files."""

    exported: tuple[Exported, ...]
    failures: Mapping[Runtime, TaskzipError]
