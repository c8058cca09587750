"""What a Keras file may ask for, read before Keras reads it.

A Keras config names Python classes, and some of them run code or read other files: `Lambda` carries
bytecode, `TFSMLayer` a TensorFlow program, `TorchModuleWrapper` a pickle. Keras' safe mode refuses
most of it; here everything outside Keras' own layers is refused, with the layer's name.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from taskzip.pipeline.networks.refused import Refused

_OWN = re.compile(
    r"keras(\.src)?(\.(layers|models|ops|activations|initializers|regularizers|constraints"
    r"|dtype_policies)(\.\w+)*)?|builtins"
)
_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__")


def check_config(path: Path) -> None:
    """Refused if the file holds anything but layers of Keras, or weights alone."""
    try:
        config = json.loads(_read_zip(path) if zipfile.is_zipfile(path) else _read_hdf5(path))
    except ValueError as error:
        raise Refused(f"its config is not JSON ({error})") from error
    _check({"class_name": config.get("class_name"), "config": config.get("config")}, "the network")


def _read_zip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        try:
            return archive.read("config.json")
        except KeyError as error:
            raise Refused("it holds no network; write it with model.save") from error


def _read_hdf5(path: Path) -> str | bytes:
    import h5py  # noqa: PLC0415  # comes with the extra `keras`

    try:
        with h5py.File(path, "r") as file:
            config: str | bytes | None = file.attrs.get("model_config")
    except OSError as error:
        raise Refused(f"it is no Keras file ({error})") from error
    if config is None:
        raise Refused("it holds weights alone; save the whole network with model.save")
    return config


def _check(part: Any, name: str) -> None:
    if isinstance(part, dict):
        own = part.get("config")
        name = str(own["name"]) if isinstance(own, dict) and "name" in own else name
        _check_class(part, name)
        for key, value in part.items():
            if key != "compile_config":
                _check(value, name)
    elif isinstance(part, list):
        for value in part:
            _check(value, name)


def _check_class(part: dict[str, Any], name: str) -> None:
    kind, module = part.get("class_name"), part.get("module")
    if kind in _CODE:
        raise Refused(
            f"{name} is a {kind}, which carries code; build it from Keras' own layers, "
            "or give the network as 'module:factory'"
        )
    custom = ">" in str(part.get("registered_name") or "")
    if custom or (kind is not None and module is not None and not _OWN.fullmatch(str(module))):
        raise Refused(
            f"{name} is a {kind} of {module}, which is no part of Keras; "
            "build it from Keras' own layers, or give the network as 'module:factory'"
        )
