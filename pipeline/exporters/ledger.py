"""The sharing ledger: which bytes several networks hold in common, by identity of their tensors."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import nn

from taskzip.contracts.bundle import Sharing
from taskzip.contracts.ledger import FP32_BYTES

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


def stored_size(tensor: torch.Tensor) -> int:
    """Bytes in a file, whose integers have 32 bits."""
    return tensor.numel() * min(tensor.element_size(), FP32_BYTES)


def named_tensors(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Its parameters and buffers."""
    yield from network.named_parameters()
    yield from network.named_buffers()


def _sizes(network: nn.Module) -> dict[Identity, int]:
    return {identity(tensor): stored_size(tensor) for _, tensor in named_tensors(network)}
