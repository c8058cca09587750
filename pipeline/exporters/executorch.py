"""Entry points to one .pte: a method each, computed by XNNPACK, equal weights stored once.

Weights that have a recipe are stored as its blocks, which the runner puts together.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.provenance import PROVENANCE, PROVENANCE_OF_DATA
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.assembled import add_recipes, keep_outside
from taskzip.pipeline.exporters.frameworks import cannot_lower, contained_warnings, require
from taskzip.pipeline.exporters.making import AS_IT_IS, Making
from taskzip.pipeline.exporters.own_copies import own_copies
from taskzip.pipeline.exporters.provenance import provenance_of
from taskzip.pipeline.inspection.ptd_file import data_path

_DATA = "weights"
_MOST_BYTES = 2**62
"""Of a data file: ExecuTorch would make several of more; its offsets have 64 bits."""


def export(entries: Sequence[EntryPoint], path: Path, making: Making = AS_IT_IS) -> None:
    """Write `path` in one step; BadInput names the operator and the entries that do not lower.

    Entries of a precision below fp32 are rounded already.
    """
    require("executorch")
    with contained_warnings():
        lower = load_framework()
        try:
            content, data = lower(own_copies(entries), making)
        except BadInput:
            raise
        except Exception as error:
            names = [entry.name for entry in entries]
            raise cannot_lower("executorch", names, error, making.precision) from error
    if data is not None:
        write_atomically(data_path(path), data)
    write_atomically(path, content)


def load_framework() -> Any:
    """The function from entries to the bytes of a .pte; the import is slow."""
    with contained_warnings():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import (  # noqa: PLC0415  # slow
            XnnpackPartitioner,
        )
        from executorch.exir import to_edge_transform_and_lower  # noqa: PLC0415  # slow

    def lower(entries: Sequence[EntryPoint], making: Making) -> "tuple[bytes, bytes | None]":
        programs = {entry.name: _exported(entry) for entry in entries}
        delegates = [XnnpackPartitioner()] if making.delegate == "xnnpack" else []
        edge = to_edge_transform_and_lower(programs, partitioner=delegates)
        # ExecuTorch 1.5.1 has no public way to add named data of no delegate's.
        store = edge._named_data_store
        provenance = provenance_of(entries, "executorch", making.plan_sha256).as_bytes()
        if making.data_file and store.pte_data:
            store.add_named_data(PROVENANCE_OF_DATA, provenance, alignment=1)
            store.externalize_pte_data(_MOST_BYTES, _DATA)
        if any(entry.recipes for entry in entries):
            add_recipes(entries, store)
        store.add_named_data(PROVENANCE, provenance, alignment=1)
        made = edge.to_executorch()
        return bytes(made.buffer), _data(made) if making.data_file else None

    return lower


def _data(made: Any) -> bytes:
    """The .ptd of a program whose constants were put outside; BadInput if there are none."""
    with tempfile.TemporaryDirectory() as folder:
        made.write_tensor_data_to_file(folder)
        files = list(Path(folder).glob(f"{_DATA}*.ptd"))
        if not files:
            raise BadInput("executorch: no weight is XNNPACK's; set [export] data_file = false")
        return files[0].read_bytes()


def _exported(entry: EntryPoint) -> torch.export.ExportedProgram:
    with torch.no_grad():
        program = torch.export.export(entry.module, entry.inputs, strict=False)
    keep_outside(program, entry.recipes.values())
    return program
