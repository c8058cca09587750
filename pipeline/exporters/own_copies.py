"""Copies of entry points for a framework to work on."""

import copy
import dataclasses
from collections.abc import Sequence

import torch

from taskzip.pipeline.entry import EntryPoint


def own_copies(entries: Sequence[EntryPoint]) -> tuple[EntryPoint, ...]:
    """Copies in eval mode whose weights are contiguous and shared exactly as before.

    litert-torch clamps infinities in place and tells constants apart by address, shape and stride
    after `.contiguous()`: a weight that is not contiguous gets a temporary address, which the next
    weight of its shape gets again, and the two are merged (litert-torch#1061).
    """
    modules = copy.deepcopy([entry.module for entry in entries])
    for module in modules:
        for part in module.modules():
            part.training = False  # not .eval(), which modules from torch.export refuse
        for tensor in (*module.parameters(), *module.buffers()):
            _make_contiguous(tensor)
    return tuple(
        dataclasses.replace(entry, module=module)
        for entry, module in zip(entries, modules, strict=True)
    )


def _make_contiguous(tensor: torch.Tensor) -> None:
    if not tensor.is_contiguous():
        tensor.data = tensor.data.contiguous()
