"""Entry points to one .pte: a method each, computed by XNNPACK, equal weights stored once.

Weights that have a recipe are stored as its blocks, which the runner puts together.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.provenance import PROVENANCE
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.assembled import add_recipes, keep_outside
from taskzip.pipeline.exporters.frameworks import cannot_lower, contained_warnings, require
from taskzip.pipeline.exporters.making import AS_IT_IS, Making
from taskzip.pipeline.exporters.own_copies import own_copies
from taskzip.pipeline.exporters.provenance import provenance_of


def export(entries: Sequence[EntryPoint], path: Path, making: Making = AS_IT_IS) -> None:
    """Write `path` in one step; BadInput names the operator and the entries that do not lower.

    Entries of a precision below fp32 are rounded already.
    """
    require("executorch")
    with contained_warnings():
        lower = load_framework()
        try:
            content = lower(own_copies(entries), making)
        except BadInput:
            raise
        except Exception as error:
            names = [entry.name for entry in entries]
            raise cannot_lower("executorch", names, error, making.precision) from error
    write_atomically(path, content)


def load_framework() -> Any:
    """The function from entries to the bytes of a .pte; the import is slow."""
    with contained_warnings():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import (  # noqa: PLC0415  # slow
            XnnpackPartitioner,
        )
        from executorch.exir import to_edge_transform_and_lower  # noqa: PLC0415  # slow

    def lower(entries: Sequence[EntryPoint], making: Making) -> bytes:
        programs = {entry.name: _exported(entry) for entry in entries}
        edge = to_edge_transform_and_lower(programs, partitioner=[XnnpackPartitioner()])
        # ExecuTorch 1.5.1 has no public way to add named data of no delegate's.
        store = edge._named_data_store
        if any(entry.recipes for entry in entries):
            add_recipes(entries, store)
        provenance = provenance_of(entries, "executorch", making.plan_sha256)
        store.add_named_data(PROVENANCE, provenance.as_bytes(), alignment=1)
        return bytes(edge.to_executorch().buffer)

    return lower


def _exported(entry: EntryPoint) -> torch.export.ExportedProgram:
    with torch.no_grad():
        program = torch.export.export(entry.module, entry.inputs, strict=False)
    keep_outside(program, tuple(entry.recipes))
    return program
