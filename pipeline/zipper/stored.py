"""The joint network as its file has it: every tensor once, places of entries as a short code."""

from collections.abc import Iterator

import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.places import CODES, decode, encode
from taskzip.pipeline.zipper.sparse_layer import SummedLayer

PLACES = "places"

Tensors = dict[str, torch.Tensor]


def stored_tensors(network: nn.Module) -> Tensors:
    """What a file holds, by name."""
    tensors = {name: each.detach().contiguous() for name, each in _tensors(network).items()}
    for stem, layer in _summed(network):
        code, stored = encode(tensors.pop(f"{stem}.{PLACES}"), layer.size)
        tensors[f"{stem}.{code}"] = stored
    return tensors


def stored_bytes(network: nn.Module) -> int:
    """Bytes of all that, without a file's header."""
    return sum(each.nbytes for each in stored_tensors(network).values())


def fill(network: nn.Module, stored: Tensors, path: str, structure: str) -> None:
    """Set the network to what a file holds; BadInput where it does not fit `structure`."""
    found = dict(stored)
    for stem, layer in _summed(network):
        codes = [each for each in CODES if f"{stem}.{each}" in found]
        if len(codes) == 1:
            name = f"{stem}.{codes[0]}"
            try:
                places = decode(codes[0], found.pop(name), len(layer.added.values), layer.size)
            except ValueError as error:
                raise BadInput(f"{path}: tensor {name!r} {error}; zip again") from error
            found[f"{stem}.{PLACES}"] = places
    _check(_tensors(network), found, path, structure)
    for name, tensor in _tensors(network).items():
        tensor.data.copy_(found[name])


def _check(tensors: Tensors, found: Tensors, path: str, structure: str) -> None:
    if set(tensors) != set(found):
        different = sorted(set(tensors) ^ set(found))
        raise BadInput(f"{path}: does not fit {structure}: {', '.join(different)}")
    for name, tensor in tensors.items():
        if tensor.shape != found[name].shape:
            raise BadInput(
                f"{path}: tensor {name!r} has shape {tuple(found[name].shape)}, "
                f"{structure} says {tuple(tensor.shape)}"
            )


def _tensors(network: nn.Module) -> Tensors:
    """Every parameter and constant once, by its first name."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def _summed(network: nn.Module) -> Iterator[tuple[str, SummedLayer]]:
    """Each summed layer with the name of its entries."""
    for name, module in network.named_modules():
        if isinstance(module, SummedLayer):
            yield f"{name}.added", module
