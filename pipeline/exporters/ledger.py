"""The sharing ledger: which bytes several networks hold in common, by identity of their tensors."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import nn

from taskzip.contracts.bundle import Sharing
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.ledger import Constant, FileLedger
from taskzip.pipeline.inspection.inspect import inspect_file
from taskzip.pipeline.inspection.stored import duplicates

TWICE = 0.01
"""What constants of equal content may take, as a fraction of the weights: biases of zeros."""
ENTRY_TWICE_BYTES = 1024
"""The same of each entry, in small networks."""
CONSTANT_GROWTH = 0.02
"""What constants may take above the weights, as a fraction."""
ENTRY_CONSTANT_BYTES = 32 * 1024
"""The same of each entry: shapes, folded numbers."""
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


def check_stored_once(path: Path, networks: Mapping[str, nn.Module]) -> None:
    """CheckFailed if the file holds tensors of its networks more than once; names them."""
    weights = unique_bytes(networks.values())
    ledger = inspect_file(path, path.name)
    most_twice = int(weights * TWICE) + ENTRY_TWICE_BYTES * len(networks)
    most = int(weights * (1 + CONSTANT_GROWTH)) + ENTRY_CONSTANT_BYTES * len(networks)
    is_once = ledger.duplicated_bytes <= most_twice and ledger.constant_bytes <= most
    most_program = int(weights * PROGRAM_GROWTH) + PROGRAM_BYTES * len(networks)
    if is_once and ledger.program_bytes <= most_program:
        return
    twice = [_described(each, ledger) for each in duplicates(ledger.constants)[:MOST_NAMED]]
    raise CheckFailed(
        f"{path.name}: {ledger.constant_bytes} bytes of constants and {ledger.program_bytes} of "
        f"program for {weights} bytes of distinct weights ({', '.join(networks)}; at most {most} "
        f"expected), {ledger.duplicated_bytes} of them stored a second time: "
        f"{'; '.join(twice) or 'nothing of equal content'}"
    )


def _described(constant: Constant, ledger: FileLedger) -> str:
    like_it = [each for each in ledger.constants if each.sha256 == constant.sha256]
    users = (f"{use.entry}: {use.operator}" for each in like_it for use in each.uses)
    return f"{constant.bytes} bytes ({', '.join(users)})"


def _sizes(network: nn.Module) -> dict[Identity, int]:
    return {identity(tensor): tensor.nbytes for tensor in _tensors(network)}


def _tensors(network: nn.Module) -> Iterator[torch.Tensor]:
    yield from network.parameters()
    yield from network.buffers()
