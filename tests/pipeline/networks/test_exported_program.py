"""Networks from `.pt2` files: what loads, what is refused, and that nothing in a file runs."""

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.export import Dim

from tests.pipeline.networks.conftest import Load, Message

IMAGES = (2, 1, 6, 6)
FREE = ({0: Dim.DYNAMIC},)
GRAPH = "models/model.json"


class Small(nn.Module):
    """What a traced network may hold: sizes of the batch, buffers, constants, batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(16, 3)
        self.register_buffer("scale", torch.tensor([2.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 1, 6, 6) → (n, 3)."""
        y = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return self.head(y.view(x.size(0), -1)) * self.scale + torch.tensor([0.5, 0.0, 1.0])


def trained(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    network = Small()
    nn.init.normal_(network.norm.running_mean)
    return network.eval()


def save(network: nn.Module, path: Path, dynamic: Any = FREE) -> Path:
    program = torch.export.export(
        network, (torch.ones(IMAGES),), dynamic_shapes=dynamic, strict=False
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(program, path)
    return path


def rewrite(path: Path, **changes: Callable[[bytes], bytes]) -> None:
    """Change members of an archive by the last part of their names."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            change = changes.get(name.rpartition("/")[2].replace(".", "_"))
            archive.writestr(name, change(content) if change else content)


def in_graph(change: Callable[[dict[str, Any]], None]) -> dict[str, Callable[[bytes], bytes]]:
    def changed(content: bytes) -> bytes:
        program = json.loads(content)
        change(program)
        return json.dumps(program).encode()

    return {"model_json": changed}


def test_a_pt2_file_gives_the_network_with_its_weights(tmp_path: Path, load: Load) -> None:
    network = trained()
    save(network, tmp_path / "net.pt2")
    loaded = load(IMAGES, network=str(tmp_path / "net.pt2")).network
    batch = torch.randn(5, 1, 6, 6)
    assert not loaded.training
    assert torch.equal(loaded(batch), network(batch))
    assert {"conv.weight", "norm.running_mean", "scale"} <= set(loaded.state_dict())


def test_it_is_traced_again_for_any_batch(tmp_path: Path, load: Load) -> None:
    network = trained()
    save(network, tmp_path / "net.pt2")
    loaded = load(IMAGES, network=str(tmp_path / "net.pt2")).network
    program = torch.export.export(
        loaded, (torch.ones(IMAGES),), dynamic_shapes=FREE, strict=False
    ).run_decompositions({})
    batch = torch.randn(3, 1, 6, 6)
    assert torch.allclose(program.module()(batch), network(batch), atol=1e-6)
    assert "conv.weight" in program.graph_signature.parameters


def test_weights_beside_it_replace_its_own(tmp_path: Path, load: Load) -> None:
    save(trained(), tmp_path / "net.pt2")
    own = load(IMAGES, network=str(tmp_path / "net.pt2")).network
    state = {name: torch.zeros_like(value) for name, value in own.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    keys = {"network": str(tmp_path / "net.pt2"), "weights": str(tmp_path / "w.safetensors")}
    assert not load(IMAGES, **keys).network(torch.ones(IMAGES)).any()


def test_a_fixed_batch_is_refused_with_the_way_to_export(tmp_path: Path, message: Message) -> None:
    path = save(trained(), tmp_path / "net.pt2", dynamic=None)
    text = message(network=str(path))
    assert f"task a: network {path}: it was exported for batches of exactly 2" in text
    assert "dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)" in text


def test_a_network_in_training_is_refused(tmp_path: Path, message: Message) -> None:
    path = save(trained().train(), tmp_path / "net.pt2")
    assert "batch_norm was exported in training mode" in message(network=str(path))


def test_weights_that_are_not_finite_are_named(tmp_path: Path, message: Message) -> None:
    network = trained()
    network.conv.weight.data[1, 0, 2, 0] = float("nan")
    path = save(network, tmp_path / "net.pt2")
    assert "tensor 'conv.weight' is nan at index (1, 0, 2, 0)" in message(network=str(path))


def test_other_floats_than_float32_are_refused(tmp_path: Path, message: Message) -> None:
    program = torch.export.export(
        trained().double(), (torch.ones(IMAGES).double(),), dynamic_shapes=FREE, strict=False
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(program, tmp_path / "net.pt2")
    text = message(network=str(tmp_path / "net.pt2"))
    assert "torch.float64; torch.float32 is needed, try network.float()" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "the file cannot be read (No such file"), (b"not a zip", "it is no .pt2 archive")],
)
def test_what_is_no_pt2_file_is_refused(
    tmp_path: Path, message: Message, content: bytes | None, said: str
) -> None:
    path = tmp_path / "net.pt2"
    if content is not None:
        path.write_bytes(content)
    assert said in message(network=str(path))


def test_a_state_dict_in_its_place_is_refused(tmp_path: Path, message: Message) -> None:
    torch.save(trained().state_dict(), tmp_path / "net.pt2")
    text = message(network=str(tmp_path / "net.pt2"))
    assert "has no models/model.json; write it with torch.export.save" in text


def test_two_inputs_are_refused(tmp_path: Path, message: Message) -> None:
    class Both(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    program = torch.export.export(Both(), (torch.ones(2, 3), torch.ones(2, 3)), strict=False)
    torch.export.save(program, tmp_path / "net.pt2")
    text = message(network=str(tmp_path / "net.pt2"))
    assert "it does not take one tensor and return one" in text


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_pickles_in_a_file_are_not_read(tmp_path: Path, load: Load) -> None:
    save(trained(), tmp_path / "net.pt2")
    pickled = io.BytesIO()
    torch.save(((torch.ones(IMAGES), Touches(tmp_path / "ran")), {}), pickled)
    rewrite(tmp_path / "net.pt2", model_pt=lambda _: pickled.getvalue())
    load(IMAGES, network=str(tmp_path / "net.pt2"))
    assert not (tmp_path / "ran").exists()


def test_a_tensor_stored_as_a_pickle_is_refused(tmp_path: Path, message: Message) -> None:
    save(trained(), tmp_path / "net.pt2")
    rewrite(
        tmp_path / "net.pt2",
        model_weights_config_json=lambda c: c.replace(
            b'"use_pickle": false', b'"use_pickle": true', 1
        ),
    )
    assert "is stored as a pickle" in message(network=str(tmp_path / "net.pt2"))


def call_of_torch(program: dict[str, Any]) -> None:
    program["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.system"


def file_operation(program: dict[str, Any]) -> None:
    program["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.from_file.default"


def code_as_size(program: dict[str, Any]) -> None:
    sizes = program["graph_module"]["graph"]["tensor_values"]["x"]["sizes"]
    sizes[0]["as_expr"]["expr_str"] = "__import__('pathlib').Path('ran').touch()"


def code_as_argument(program: dict[str, Any]) -> None:
    signature = program["graph_module"]["module_call_graph"][0]["signature"]
    signature["forward_arg_names"] = ["x=print('ran')"]


def code_as_parameter(program: dict[str, Any]) -> None:
    spec = program["graph_module"]["signature"]["input_specs"][0]
    spec["parameter"]["parameter_name"] = 'conv"), print("ran'


def code_as_node(program: dict[str, Any]) -> None:
    program["graph_module"]["graph"]["nodes"][0]["name"] = "a; print('ran')"


def on_another_device(program: dict[str, Any]) -> None:
    program["graph_module"]["graph"]["tensor_values"]["x"]["device"]["type"] = "cuda"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (call_of_torch, "it calls 'torch.os.system'; only operations of torch.ops.aten are read"),
        (file_operation, "it calls 'torch.ops.aten.from_file.default'"),
        (code_as_size, "is not arithmetic"),
        (code_as_argument, "is no name of an argument"),
        (code_as_parameter, "is no name; rename it"),
        (code_as_node, "is no name; rename it"),
        (on_another_device, "its tensors are on 'cuda'; move the network to the CPU"),
    ],
)
def test_code_in_a_graph_is_refused(
    tmp_path: Path,
    message: Message,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], None],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save(trained(), tmp_path / "net.pt2")
    rewrite(tmp_path / "net.pt2", **in_graph(change))
    assert said in message(network=str(tmp_path / "net.pt2"))
    assert not (tmp_path / "ran").exists()


def test_guards_in_a_file_are_not_run(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(trained(), tmp_path / "net.pt2")
    guards = ["__import__('pathlib').Path('ran').touch()"]
    rewrite(tmp_path / "net.pt2", **in_graph(lambda program: program.update(guards_code=guards)))
    load(IMAGES, network=str(tmp_path / "net.pt2"))
    assert not (tmp_path / "ran").exists()
