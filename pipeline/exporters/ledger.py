"""The sharing ledger: which bytes several networks hold in common, by identity of their tensors."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from taskzip.contracts.bundle import Sharing
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.ledger import FP32_BYTES, Constant, FileLedger
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.tensors import raw_bytes
from taskzip.pipeline.inspection.inspect import inspect_file
from taskzip.pipeline.inspection.stored import duplicates

TWICE = 0.01
"""What constants of equal content may take, as a fraction of the weights: biases of zeros."""
ENTRY_TWICE_BYTES = 1024
"""The same of each entry, in small networks."""
CONSTANT_GROWTH = 0.02
"""How many numbers constants may hold above the weights, as a fraction."""
ENTRY_NUMBERS = 8 * 1024
"""The same of each entry: shapes, folded numbers, scales, biases that are rounded for a task."""
PROGRAM_GROWTH = 0.05
PROGRAM_BYTES = 256 * 1024
"""What an entry's graph, names and delegate headers may take; weights in there would be more."""
MOST_NAMED = 5

Identity = tuple[int, int, tuple[int, ...], tuple[int, ...], torch.dtype]


def identity(tensor: torch.Tensor) -> Identity:
    """Equal for tensors that are the same view of the same memory."""
    address = tensor.untyped_storage().data_ptr()
    offset = int(tensor.storage_offset())
    return address, offset, tuple(tensor.shape), tensor.stride(), tensor.dtype


def sharing(networks: Mapping[str, nn.Module]) -> Sharing:
    """Bytes of parameters and buffers that more than one network holds, and those of each alone.

    Their sum is what storing every tensor once takes.
    """
    held = {name: _sizes(network) for name, network in networks.items()}
    holders = Counter(key for sizes in held.values() for key in sizes)
    sizes = {key: size for tensors in held.values() for key, size in tensors.items()}
    return Sharing(
        shared_bytes=sum(size for key, size in sizes.items() if holders[key] > 1),
        private_bytes={
            name: sum(size for key, size in tensors.items() if holders[key] == 1)
            for name, tensors in held.items()
        },
    )


def unique_bytes(networks: Iterable[nn.Module]) -> int:
    """Bytes of all parameters and buffers, those held by several networks counted once."""
    unique: dict[Identity, int] = {}
    for network in networks:
        unique.update(_sizes(network))
    return sum(unique.values())


def stored_bytes(entries: Sequence[EntryPoint]) -> int:
    """Bytes of what a file of these entries has to hold, each tensor once."""
    sizes: dict[Identity | bytes, int] = {}
    for entry in entries:
        for name, tensor in _named_tensors(entry.module):
            if name not in entry.recipes:
                sizes[identity(tensor)] = _size(tensor)
        for recipe in entry.recipes.values():
            for part in recipe.parts():
                content = raw_bytes(part)
                sizes[hashlib.sha256(content).digest()] = len(content)
    return sum(sizes.values())


def check_stored_once(path: Path, entries: Sequence[EntryPoint]) -> FileLedger:
    """The file's ledger; CheckFailed, naming them, if it holds its entries' tensors twice.

    Numbers are counted, not bytes alone: a weight that is rounded in two ways has no equal content.
    """
    weights = stored_bytes(entries)
    ledger = inspect_file(path, path.name)
    most_twice = int(ledger.constant_bytes * TWICE) + ENTRY_TWICE_BYTES * len(entries)
    most = int(weights // FP32_BYTES * (1 + CONSTANT_GROWTH)) + ENTRY_NUMBERS * len(entries)
    is_once = ledger.duplicated_bytes <= most_twice and ledger.numbers <= most
    most_program = int(weights * PROGRAM_GROWTH) + PROGRAM_BYTES * len(entries)
    if is_once and ledger.program_bytes <= most_program:
        return ledger
    twice = [_described(each, ledger) for each in duplicates(ledger.constants)[:MOST_NAMED]]
    raise CheckFailed(
        f"{path.name}: {ledger.numbers} numbers in {ledger.constant_bytes} bytes of constants, and "
        f"{ledger.program_bytes} bytes of program, for {weights // FP32_BYTES} distinct weights "
        f"({', '.join(each.name for each in entries)}; at most {most} numbers and {most_program} "
        f"bytes of program expected); {ledger.duplicated_bytes} of them stored a second time: "
        f"{'; '.join(twice) or 'nothing of equal content'}"
    )


def _described(constant: Constant, ledger: FileLedger) -> str:
    like_it = [each for each in ledger.constants if each.sha256 == constant.sha256]
    users = (f"{use.entry}: {use.operator}" for each in like_it for use in each.uses)
    return f"{constant.bytes} bytes ({', '.join(users)})"


def _sizes(network: nn.Module) -> dict[Identity, int]:
    return {identity(tensor): _size(tensor) for _, tensor in _named_tensors(network)}


def _size(tensor: torch.Tensor) -> int:
    """In a file, whose integers have 32 bits."""
    return tensor.numel() * min(tensor.element_size(), FP32_BYTES)


def _named_tensors(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from network.named_parameters()
    yield from network.named_buffers()
