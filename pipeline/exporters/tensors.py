"""Tensors as the outside sees them: names, dtypes, raw bytes."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from taskzip.contracts.bundle import TensorSpec
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import DType

_DTYPES: dict[torch.dtype, DType] = {torch.float32: "float32"}


def raw_bytes(tensor: torch.Tensor) -> bytes:
    """The elements in row-major order, little-endian."""
    array = tensor.detach().cpu().contiguous().numpy()
    if sys.byteorder == "big":
        array = array.byteswap()
    return array.tobytes()


def write_raw(tensors: Sequence[torch.Tensor], stem: str, folder: Path) -> tuple[str, ...]:
    """Write a bundle's golden tensors; their paths below its folder."""
    (folder / "golden").mkdir(exist_ok=True)
    paths = tuple(f"golden/{stem}{index}.bin" for index in range(len(tensors)))
    for path, tensor in zip(paths, tensors, strict=True):
        (folder / path).write_bytes(raw_bytes(tensor))
    return paths


def outputs_of(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """What the network returns for these inputs, always as a tuple; BadInput if not tensors."""
    with torch.no_grad():
        result = module(*inputs)
    outputs = (result,) if isinstance(result, torch.Tensor) else result
    if not isinstance(outputs, (tuple, list)) or not all(
        isinstance(output, torch.Tensor) for output in outputs
    ):
        raise BadInput(
            f"a network returned {type(result).__name__}; a tensor or a tuple of tensors is needed"
        )
    return tuple(output.detach() for output in outputs)


def tensor_spec(name: str, tensor: torch.Tensor) -> TensorSpec:
    """The static description of an input or output."""
    if tensor.dtype not in _DTYPES:
        raise BadInput(f"{name} is {tensor.dtype}; networks with float32 in and out are exported")
    return TensorSpec(name=name, dtype=_DTYPES[tensor.dtype], shape=tuple(tensor.shape))
