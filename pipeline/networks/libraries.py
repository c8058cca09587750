"""Architectures by name from torchvision and timm; never their downloads."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from taskzip.pipeline.networks.refused import Refused

_DOWNLOADS = frozenset(
    ("weights", "weights_backbone", "pretrained", "pretrained_backbone", "checkpoint_path")
)


def build_from_library(library: str, name: str, options: Mapping[str, Any]) -> nn.Module:
    """The untrained network `name`; Refused if the library or the name is not there."""
    offered = sorted(_DOWNLOADS & set(options))
    if offered:
        raise Refused(
            f"network_options has {offered[0]!r}; nothing is downloaded or unpickled here: "
            'give the trained state as weights = "FILE.safetensors"'
        )
    known, build = LIBRARIES[library]()
    if name.partition(".")[0] not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
        raise Refused(f"{library} knows no {name!r}; near to it: {', '.join(near)}")
    try:
        return build(name, options)
    except Exception as error:
        raise Refused(f"failed with {type(error).__name__}: {error}") from error


_Library = tuple[list[str], Callable[[str, Mapping[str, Any]], nn.Module]]


def _torchvision() -> _Library:
    models = _require("torchvision.models", "torchvision")
    return models.list_models(), _build_torchvision


def _timm() -> _Library:
    timm = _require("timm", "timm")
    return timm.list_models(), _build_timm


def _build_torchvision(name: str, options: Mapping[str, Any]) -> nn.Module:
    from torchvision import models  # noqa: PLC0415  # an extra

    builder = models.get_model_builder(name)
    parts = inspect.signature(builder).parameters
    no_download = {"weights_backbone": None} if "weights_backbone" in parts else {}
    network: nn.Module = builder(weights=None, **no_download, **options)
    return network


def _build_timm(name: str, options: Mapping[str, Any]) -> nn.Module:
    import timm  # noqa: PLC0415  # an extra

    network: nn.Module = timm.create_model(name, pretrained=False, **options)
    return network


def _require(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Refused(
            f"{extra} is not installed ({error}); pip install 'taskzip[{extra}]'"
        ) from error


LIBRARIES: dict[str, Callable[[], _Library]] = {"torchvision": _torchvision, "timm": _timm}
"""Names before the colon that stand for a library, unless the config's folder has such a module."""
