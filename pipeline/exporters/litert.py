"""Entry points to one .tflite: a signature each, equal weights stored once."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from taskzip.contracts.document import write_atomically
from taskzip.contracts.provenance import PROVENANCE
from taskzip.pipeline.entry import EntryPoint, TensorNames
from taskzip.pipeline.exporters.frameworks import cannot_lower, contained_warnings, require
from taskzip.pipeline.exporters.kept_apart import keep_scales_apart
from taskzip.pipeline.exporters.making import AS_IT_IS, Making
from taskzip.pipeline.exporters.own_copies import own_copies
from taskzip.pipeline.exporters.provenance import provenance_of
from taskzip.pipeline.exporters.tflite_metadata import with_metadata


class _Named(nn.Module):
    """The network with its inputs as keywords and its outputs in a dict: a signature's names."""

    def __init__(self, network: nn.Module, names: TensorNames) -> None:
        super().__init__()
        self.network = network
        self.names = names
        self.training = False

    def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Inputs in their order → outputs by name."""
        outputs = self.network(*inputs.values())
        if isinstance(outputs, torch.Tensor):
            outputs = (outputs,)
        return {self.names.output(index): output for index, output in enumerate(outputs)}


def export(entries: Sequence[EntryPoint], path: Path, making: Making = AS_IT_IS) -> None:
    """Write `path` in fp32; BadInput names the operator and the entries that do not lower."""
    convert(entries, path)
    add_provenance(path, entries, making)


def add_provenance(path: Path, entries: Sequence[EntryPoint], making: Making) -> None:
    """Let the file at `path` say how it was made."""
    text = provenance_of(entries, "litert", making.plan_sha256).as_bytes()
    write_atomically(path, with_metadata(path.read_bytes(), PROVENANCE, text))


def convert(entries: Sequence[EntryPoint], path: Path) -> None:
    """As `export`, without provenance."""
    require("litert")
    with contained_warnings():
        converter = load_framework().Converter()
        try:
            for entry in own_copies(entries):
                module = _kept_apart(entry) if len(entries) > 1 else entry.module
                converter.signature(entry.name, _Named(module, entry.names), None, _inputs(entry))
            model = converter.convert()
        except Exception as error:
            raise cannot_lower("litert", [e.name for e in entries], error) from error
        _write(model, path)


def load_framework() -> Any:
    """The module litert_torch; the import is slow."""
    with contained_warnings():
        import litert_torch  # noqa: PLC0415  # slow

    return litert_torch


def _kept_apart(entry: EntryPoint) -> nn.Module:
    with torch.no_grad():
        module = torch.export.export(entry.module, entry.inputs, strict=False).module()
    keep_scales_apart(module)
    return module


def _inputs(entry: EntryPoint) -> dict[str, torch.Tensor]:
    return {entry.names.input(index): tensor for index, tensor in enumerate(entry.inputs)}


def _write(model: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        model.export(str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
