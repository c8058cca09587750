"""Where the networks' weights lie: dense as safetensors, pruned ones in compact form as well."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from compact import pack, unpack
from safetensors.torch import load_file, save_file

WEIGHTS = Path(__file__).parent / "weights"
COMPACT = WEIGHTS / "compact"
RANDOM = WEIGHTS / "random"
"""Weights that nothing was trained for; not part of the repository."""
UNPACKED = WEIGHTS / "unpacked"
"""Dense copies of the compact files, made when first needed; not part of the repository."""


def path_of(name: str, *, is_pruned: bool) -> Path:
    """The file of a network's weights that the repository keeps."""
    return (COMPACT if is_pruned else WEIGHTS) / f"{name}.safetensors"


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write the tensors, compactly if the file is one of COMPACT."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    _write(path, pack(contiguous) if path.parent == COMPACT else contiguous)


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors that `save_weights` was given."""
    tensors = load_file(path)
    return unpack(tensors) if path.parent == COMPACT else tensors


def unpack_weights() -> None:
    """Make the dense copies that are missing or older than their compact files."""
    for path in COMPACT.glob("*.safetensors"):
        copy = UNPACKED / path.name
        if not copy.is_file() or copy.stat().st_mtime_ns < path.stat().st_mtime_ns:
            _write(copy, load_weights(path))


def _write(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        whole = Path(scratch) / path.name
        save_file(tensors, whole)
        whole.chmod(0o644)
        whole.replace(path)
