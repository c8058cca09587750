"""Whether a model file holds each tensor of its entries once: what the exporters must not lose."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.ledger import FP32_BYTES, Constant, FileLedger
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import Identity, identity, named_tensors, stored_size
from taskzip.pipeline.exporters.tensors import raw_bytes
from taskzip.pipeline.inspection.inspect import inspect_file
from taskzip.pipeline.inspection.stored import SMALLEST_DUPLICATE_BYTES

GROWTH = 0.01
"""How many numbers constants may hold above the weights, as a fraction."""
LARGE_BYTES = 1 << 20
"""From so many bytes of weights in fp32 on; smaller ones get a fixed number for each entry."""
ENTRY_NUMBERS = 8 * 1024
"""Shapes and folded numbers of an entry."""
PROGRAM_GROWTH = 0.05
PROGRAM_BYTES = 256 * 1024
"""What an entry's graph, names and delegate headers may take; weights in there would be more."""
MOST_NAMED = 5

Kind = tuple[int, ...] | str
"""What a constant has in common with the tensor it came from: of a matrix or filter its extents, of
a vector its content."""


def check_stored_once(path: Path, entries: Sequence[EntryPoint]) -> FileLedger:
    """The file's ledger; CheckFailed, as `check_ledger` says."""
    ledger = inspect_file(path, path.name)
    check_ledger(ledger, entries)
    return ledger


def check_ledger(ledger: FileLedger, entries: Sequence[EntryPoint]) -> None:
    """CheckFailed, naming them, if the file holds its entries' tensors twice, or too much else.

    A matrix or filter is told by its extents, in any order and precision: of each there are at most
    as many as the networks hold, so one that was rounded in two ways is found as well.
    """
    _check_none_twice(ledger, entries)
    _check_size(ledger, entries)


def stored_bytes(entries: Sequence[EntryPoint]) -> int:
    """Bytes of what a file of these entries has to hold in fp32, each tensor once."""
    return sum(stored_size(tensor) for tensor in _distinct(entries))


def _check_none_twice(ledger: FileLedger, entries: Sequence[EntryPoint]) -> None:
    allowed = Counter(kind for each in _distinct(entries) if (kind := _kind_of(each)))
    held: dict[Kind, list[Constant]] = defaultdict(list)
    for constant in ledger.constants:
        held[_extents(constant.shape) or constant.sha256].append(constant)
    told = [
        _described(held[kind], most)
        for kind, most in allowed.items()
        if len(held[kind]) > most and held[kind][0].bytes >= SMALLEST_DUPLICATE_BYTES
    ]
    if told:
        more = f"; and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
        raise CheckFailed(
            f"{ledger.path}: holds weights a second time, {ledger.duplicated_bytes} bytes of equal "
            f"content: {'; '.join(told[:MOST_NAMED])}{more}"
        )


def _check_size(ledger: FileLedger, entries: Sequence[EntryPoint]) -> None:
    weights = stored_bytes(entries)
    least = weights // FP32_BYTES
    most = int(least * (1 + GROWTH))
    if weights < LARGE_BYTES:
        most = least + ENTRY_NUMBERS * len(entries)
    numbers = sum(each.numbers for each in ledger.constants if not _is_own_vector(each))
    most_program = int(weights * PROGRAM_GROWTH) + PROGRAM_BYTES * len(entries)
    if numbers > most or ledger.program_bytes > most_program:
        raise CheckFailed(
            f"{ledger.path}: {numbers} numbers in constants and {ledger.program_bytes} bytes of "
            f"program for {least} distinct weights ({', '.join(each.name for each in entries)}); "
            f"at most {most} numbers and {most_program} bytes of program are expected"
        )


def _distinct(entries: Sequence[EntryPoint]) -> Iterator[torch.Tensor]:
    """Each tensor of the networks, and each part of their recipes, once."""
    seen: set[Identity | bytes] = set()
    for entry in entries:
        held = [tensor for name, tensor in named_tensors(entry.module) if name not in entry.recipes]
        parts = [part for recipe in entry.recipes.values() for part in recipe.parts()]
        keys: list[Identity | bytes] = [identity(each) for each in held]
        keys += [hashlib.sha256(raw_bytes(each)).digest() for each in parts]
        for key, tensor in zip(keys, held + parts, strict=True):
            if key not in seen:
                seen.add(key)
                yield tensor


def _kind_of(tensor: torch.Tensor) -> Kind | None:
    """None of a vector of one number again and again: exporters write such ones themselves."""
    if extents := _extents(tuple(tensor.shape)):
        return extents
    is_uniform = tensor.numel() == 0 or bool((tensor == tensor.flatten()[0]).all())
    return None if is_uniform else hashlib.sha256(raw_bytes(tensor)).hexdigest()


def _extents(shape: Sequence[int]) -> tuple[int, ...]:
    """Those above 1, in order of size; () of a vector."""
    found = tuple(sorted(each for each in shape if each > 1))
    return found if len(found) > 1 else ()


def _is_own_vector(constant: Constant) -> bool:
    """Biases and scales of one entry: what it rounds depends on its own ranges."""
    return len(constant.entries) == 1 and not _extents(constant.shape)


def _described(constants: Sequence[Constant], most: int) -> str:
    users = [f"{use.entry}: {use.operator}" for each in constants for use in each.uses]
    named = ", ".join(users[: 2 * MOST_NAMED]) + (", …" if len(users) > 2 * MOST_NAMED else "")
    first = constants[0]
    return (
        f"{len(constants)} of {'×'.join(map(str, first.shape))} in {first.bytes} bytes each, where "
        f"the networks have {most} ({named})"
    )
