"""Trained weights from safetensors files: exact names and shapes, finite numbers, no pickle."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from taskzip.contracts.errors import BadInput

_PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".pkl", ".ckpt")
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill the network with the file's tensors; BadInput names the first tensor that is wrong."""
    tensors = _read(path)
    _check_names(network, tensors, path)
    for name, wanted in network.state_dict().items():
        _check_tensor(name, tensors[name], wanted, path)
    network.load_state_dict(tensors)


def check_floats(network: nn.Module, source: str) -> None:
    """Pass if all floats are float32 and finite; BadInput names `source`, tensor and index."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise BadInput(
                f"{source}: tensor {name!r} is {tensor.dtype}; torch.float32 is needed, "
                "try network.float()"
            )
        index = first_not_finite(tensor) if tensor.is_floating_point() else None
        if index is not None:
            raise BadInput(f"{source}: tensor {name!r} is {tensor[index].item()} at index {index}")


def first_not_finite(tensor: torch.Tensor) -> tuple[int, ...] | None:
    """The index of the first NaN or infinity, or None."""
    if tensor.sum().isfinite():
        return None
    bad = torch.nonzero(~torch.isfinite(tensor))
    return tuple(bad[0].tolist()) if len(bad) else None


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise BadInput(f"{path}: weights cannot be read ({error.strerror})") from error
    if path.suffix in _PICKLE_SUFFIXES or start.startswith(_PICKLE_STARTS):
        raise BadInput(_pickle_advice(path))
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BadInput(f"{path}: not a safetensors file ({error})") from error


def _pickle_advice(path: Path) -> str:
    return (
        f"{path}: a pickle file can run code when it is read, so it is refused; convert it once, "
        f"where you trust it: torch.load({path.name!r}, weights_only=True), then "
        f"safetensors.torch.save_file(state_dict, {path.with_suffix('.safetensors').name!r})"
    )


def _check_names(network: nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    wanted = set(network.state_dict())
    missing, surplus = sorted(wanted - set(tensors)), sorted(set(tensors) - wanted)
    if not missing and not surplus:
        return
    parts = [f"missing {', '.join(missing)}"] if missing else []
    parts += [f"not in the network: {', '.join(surplus)}"] if surplus else []
    raise BadInput(
        f"{path}: tensors do not fit the network ({'; '.join(parts)}); "
        "save the state_dict of this very network"
    )


def _check_tensor(name: str, found: torch.Tensor, wanted: torch.Tensor, path: Path) -> None:
    if found.shape != wanted.shape:
        raise BadInput(
            f"{path}: tensor {name!r} has shape {tuple(found.shape)}, "
            f"the network wants {tuple(wanted.shape)}"
        )
    if found.dtype != wanted.dtype:
        raise BadInput(
            f"{path}: tensor {name!r} is {found.dtype}, the network wants {wanted.dtype}; "
            "convert it before saving"
        )
    index = first_not_finite(found) if found.is_floating_point() else None
    if index is not None:
        raise BadInput(f"{path}: tensor {name!r} is {found[index].item()} at index {index}")
