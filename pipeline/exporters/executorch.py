"""Entry points to one .pte: a method each, computed by XNNPACK, equal weights stored once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from taskzip.contracts.document import write_atomically
from taskzip.contracts.names import Precision
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.frameworks import cannot_lower, contained_warnings, require
from taskzip.pipeline.exporters.own_copies import own_copies


def export(entries: Sequence[EntryPoint], path: Path, precision: Precision = "fp32") -> None:
    """Write `path` in one step; BadInput names the operator and the entries that do not lower.

    `precision` is what the entries were rounded to.
    """
    require("executorch")
    with contained_warnings():
        lower = load_framework()
        try:
            content = lower({entry.name: _exported(entry) for entry in own_copies(entries)})
        except Exception as error:
            raise cannot_lower("executorch", [e.name for e in entries], error, precision) from error
    write_atomically(path, content)


def load_framework() -> Any:
    """The function from exported programs by name to the bytes of a .pte; the import is slow."""
    with contained_warnings():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import (  # noqa: PLC0415  # slow
            XnnpackPartitioner,
        )
        from executorch.exir import to_edge_transform_and_lower  # noqa: PLC0415  # slow

    def lower(programs: dict[str, torch.export.ExportedProgram]) -> bytes:
        edge = to_edge_transform_and_lower(programs, partitioner=[XnnpackPartitioner()])
        return bytes(edge.to_executorch().buffer)

    return lower


def _exported(entry: EntryPoint) -> torch.export.ExportedProgram:
    with torch.no_grad():
        return torch.export.export(entry.module, entry.inputs, strict=False)
