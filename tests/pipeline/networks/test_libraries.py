"""Networks by the names of torchvision and timm."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.export import Dim

from taskzip.pipeline.networks.libraries import build_from_library
from tests.pipeline.networks.conftest import Load, Message

IMAGES = (2, 3, 32, 32)
TINY_VIT = {"img_size": 32, "patch_size": 16, "depth": 2, "num_classes": 5}


def torchvision_resnet() -> nn.Module:
    return pytest.importorskip("torchvision").models.resnet18(num_classes=5)


def timm_vit() -> nn.Module:
    timm = pytest.importorskip("timm")
    network: nn.Module = timm.create_model("vit_tiny_patch16_224", **TINY_VIT)
    return network


@pytest.mark.parametrize(
    ("build", "name", "options"),
    [
        (torchvision_resnet, "torchvision:resnet18", {"num_classes": 5}),
        (timm_vit, "timm:vit_tiny_patch16_224", TINY_VIT),
        (timm_vit, "timm:vit_tiny_patch16_224.augreg_in21k", TINY_VIT),
    ],
)
def test_a_name_gives_the_architecture_with_the_files_weights(
    tmp_path: Path,
    load: Load,
    build: Callable[[], nn.Module],
    name: str,
    options: dict[str, Any],
) -> None:
    torch.manual_seed(0)
    original = build().eval()
    save_file(original.state_dict(), tmp_path / "w.safetensors")
    keys = {"network": name, "network_options": options}
    network = load(IMAGES, weights=str(tmp_path / "w.safetensors"), **keys).network
    batch = torch.randn(3, 3, 32, 32)
    program = torch.export.export(
        network, (torch.ones(IMAGES),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=False
    )
    with torch.no_grad():
        wanted = original(batch)
        assert torch.equal(network(batch), wanted)
        assert torch.allclose(program.module()(batch), wanted, atol=1e-5)


def test_an_unknown_name_suggests_near_ones(message: Message) -> None:
    pytest.importorskip("torchvision")
    text = message(network="torchvision:resnet19", weights="w.safetensors")
    assert "task a: network torchvision:resnet19: torchvision knows no 'resnet19'" in text
    assert "resnet18" in text


def test_an_option_that_does_not_fit_is_quoted(message: Message) -> None:
    pytest.importorskip("torchvision")
    keys = {"network": "torchvision:resnet18", "network_options": {"num_clases": 5}}
    assert "num_clases" in message(weights="w.safetensors", **keys)


@pytest.mark.parametrize("option", ["weights", "pretrained", "checkpoint_path"])
def test_downloads_and_pickles_are_refused(message: Message, option: str) -> None:
    keys = {"network": "timm:resnet18", "network_options": {option: "DEFAULT"}}
    text = message(weights="w.safetensors", **keys)
    assert f"network_options has {option!r}; nothing is downloaded" in text


def test_a_backbone_is_not_downloaded_either() -> None:
    pytest.importorskip("torchvision")
    assert isinstance(build_from_library("torchvision", "lraspp_mobilenet_v3_large", {}), nn.Module)


def test_a_module_of_that_name_beside_the_config_comes_first(tmp_path: Path, load: Load) -> None:
    (tmp_path / "timm.py").write_text(
        "from torch import nn\n\ndef resnet18(width):\n    return nn.Linear(4, width)\n"
    )
    save_file(nn.Linear(4, 2).state_dict(), tmp_path / "w.safetensors")
    keys = {"network": "timm:resnet18", "network_options": {"width": 2}}
    network = load((1, 4), weights=str(tmp_path / "w.safetensors"), **keys).network
    assert isinstance(network, nn.Linear)


def test_a_library_that_is_not_there_names_its_extra(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    text = message(network="timm:resnet18", weights="w.safetensors")
    assert "timm is not installed" in text
    assert "pip install 'taskzip[timm]'" in text
