"""face-api's weights, from TensorFlow.js' files (8-bit or float32) to torch's names and layout."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data_files import fetch
from face_files import FACE_API
from weight_files import UNPACKED, save_weights

MODELS = {
    "face_landmarks": "face_landmark_68_model",
    "face_expressions": "face_expression_model",
}
"""Name in `weights/unpacked/` → face-api's name."""


def lay_out_weights() -> None:
    """Write the networks' weights to `weights/unpacked/` where they are missing."""
    for name, model in MODELS.items():
        path = UNPACKED / f"{name}.safetensors"
        if not path.is_file():
            tensors = read_weights(fetch(FACE_API), model)
            save_weights(path, {to_torch_name(key): to_torch(key, each) for key, each in tensors})


def read_weights(folder: Path, model: str) -> list[tuple[str, np.ndarray]]:
    """The tensors of `MODEL-weights_manifest.json` and `MODEL.bin`, float32, in their order."""
    path = folder / f"{model}-weights_manifest.json"
    groups = json.loads(path.read_text(encoding="utf-8"))
    content, offset, found = (folder / f"{model}.bin").read_bytes(), 0, []
    for entry in (entry for group in groups for entry in group["weights"]):
        tensor, offset = _read_tensor(entry, content, offset)
        found.append((entry["name"], tensor))
    if offset != len(content):
        raise ValueError(f"{path}: names {offset} bytes of {len(content)}")
    return found


def _read_tensor(entry: dict[str, Any], content: bytes, offset: int) -> tuple[np.ndarray, int]:
    """One tensor and where the next begins; 8-bit numbers q stand for scale · q + min."""
    quantised = entry.get("quantization")
    stored = np.dtype(quantised["dtype"] if quantised else entry["dtype"]).newbyteorder("<")
    count = int(np.prod(entry["shape"]))
    values = np.frombuffer(content, stored, count, offset)
    if quantised:
        values = np.float32(quantised["scale"]) * values + np.float32(quantised["min"])
    end = offset + count * stored.itemsize
    return values.astype(np.float32).reshape(entry["shape"]), end


def to_torch_name(name: str) -> str:
    """`dense1/conv0/depthwise_filter` → `dense1.conv0.depthwise.weight`, and so on."""
    *parents, last = name.split("/")
    own = {
        "depthwise_filter": "depthwise.weight",
        "pointwise_filter": "pointwise.weight",
        "filters": "pointwise.weight",
        "weights": "weight",
        "bias": "bias" if parents == ["fc"] else "pointwise.bias",
    }
    return ".".join((*parents, own[last]))


def to_torch(name: str, tensor: np.ndarray) -> torch.Tensor:
    """Kernels (h, w, in, out) → (out, in, h, w), depthwise (h, w, in, 1) → (in, 1, h, w);
    matrices (in, out) → (out, in).
    """
    if name.endswith("depthwise_filter"):
        tensor = tensor.transpose(2, 3, 0, 1)
    elif tensor.ndim == 4:  # noqa: PLR2004  # a convolution
        tensor = tensor.transpose(3, 2, 0, 1)
    elif tensor.ndim == 2:  # noqa: PLR2004  # a matrix
        tensor = tensor.T
    return torch.from_numpy(np.ascontiguousarray(tensor))
