"""Networks from Keras files: they compute what Keras computes, in torch's layers."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.export import Dim

from tests.pipeline.networks.conftest import Load, Message

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras saving weights

ERROR = 1e-5  # sums of float32 in another order
ATEN = torch.ops.aten
Layers = keras.layers


def randomized(model: Any, seed: int = 0) -> Any:
    """The model with weights that leave no term of any layer out."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        low = 0.5 if "variance" in variable.path else -0.5
        variable.assign(random.uniform(low, 1.0, variable.shape))
    return model


def small_cnn() -> Any:
    return keras.Sequential(
        [
            keras.Input((12, 10, 2)),
            Layers.Conv2D(4, 3, padding="same", strides=2, activation="relu"),
            Layers.BatchNormalization(),
            Layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
            Layers.ReLU(6.0),
            Layers.MaxPooling2D(2),
            Layers.Flatten(),
            Layers.Dropout(0.5),
            Layers.Dense(7, activation="relu"),
            Layers.Dense(3),
        ]
    )


def branching() -> Any:
    x = keras.Input((9, 9, 3))
    stem = Layers.Conv2D(4, 3, use_bias=False, dilation_rate=2)(x)
    stem = Layers.Activation("silu")(Layers.BatchNormalization(scale=False)(stem))
    left = Layers.SeparableConv2D(4, 3, padding="same")(stem)
    added = Layers.Add()([left, stem])
    right = Layers.AveragePooling2D(3, strides=1, padding="same")(added)
    both = Layers.Concatenate()([added, right, Layers.LeakyReLU(0.1)(left)])
    both = Layers.Conv2D(8, 1, groups=2)(both)
    return keras.Model(x, Layers.Dense(2)(Layers.GlobalAveragePooling2D()(both)))


def signal() -> Any:
    return keras.Sequential(
        [
            keras.Input((20, 2)),
            Layers.ZeroPadding1D(2),
            Layers.Conv1D(5, 4, strides=3, padding="same", activation="gelu"),
            Layers.MaxPooling1D(2, padding="same"),
            Layers.LayerNormalization(),
            Layers.Flatten(),
            Layers.Dense(3, activation="softmax"),
        ]
    )


def nested() -> Any:
    image = keras.Input((8, 8, 1))
    inner = keras.Model(image, Layers.ReLU()(Layers.Conv2D(3, 3)(image)), name="trunk")
    return keras.Sequential([keras.Input((8, 8, 1)), inner, Layers.Flatten(), Layers.Dense(2)])


def shared() -> Any:
    """A convolution and a Dense layer that are used twice, the latter after Flatten."""
    x = keras.Input((6, 6, 2))
    twice = Layers.Conv2D(2, 3, padding="same")
    last = Layers.Dense(3)
    once = twice(x)
    ends = [last(Layers.Flatten()(each)) for each in (once, twice(once))]
    return keras.Model(x, Layers.Add()(ends))


def without_equal_in_torch() -> Any:
    x = keras.Input((6, 6, 2))
    y = Layers.Conv2DTranspose(3, 3, strides=2)(x)
    y = Layers.Conv2D(4, 3, activation="mish")(y)
    y = Layers.Reshape((11 * 11, 4))(y)
    y = Layers.MultiHeadAttention(2, 3)(y, y)
    return keras.Model(x, Layers.Dense(2)(Layers.Flatten()(y)) * 2.0)


@pytest.mark.parametrize(
    ("build", "suffix"),
    [
        (small_cnn, "keras"),
        (small_cnn, "h5"),
        (branching, "keras"),
        (signal, "keras"),
        (nested, "h5"),
        (shared, "keras"),
        (without_equal_in_torch, "keras"),
    ],
)
def test_it_computes_what_keras_computes_for_any_batch(
    tmp_path: Path, load: Load, build: Callable[[], Any], suffix: str
) -> None:
    model = randomized(build())
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    shape = tuple(model.inputs[0].shape[1:])
    network = load((2, *shape), network=str(path)).network
    assert not network.training
    program = torch.export.export(
        network, (torch.ones(2, *shape),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=False
    ).run_decompositions({})
    for size in (1, 5):
        batch = torch.randn(size, *shape)
        wanted = torch.from_numpy(model.predict(batch.numpy(), verbose=0))
        allowed = ERROR * max(1.0, float(wanted.abs().max()))
        for found in (network(batch), program.module(check_guards=False)(batch)):
            assert float((found.detach() - wanted).abs().max()) <= allowed


def test_layers_become_torchs_with_their_names(tmp_path: Path, load: Load) -> None:
    keras.utils.clear_session()
    model = small_cnn()
    model.save(tmp_path / "model.keras")
    network = load((2, 12, 10, 2), network=str(tmp_path / "model.keras")).network
    assert {name for name, _ in network.named_parameters()} == {
        f"{layer}.{part}"
        for layer in ("conv2d", "batch_normalization", "depthwise_conv2d", "dense", "dense_1")
        for part in ("weight", "bias")
    }
    called = [node.target for node in network.graph.nodes if node.op == "call_function"]
    assert called.count(ATEN.permute.default) == 1  # the input's
    assert called.count(ATEN.conv2d.default) == 2
    assert called.count(ATEN.linear.default) == 2


@pytest.mark.parametrize("build", [without_equal_in_torch, shared])
def test_weights_of_every_layer_are_parameters_once(
    tmp_path: Path, load: Load, build: Callable[[], Any]
) -> None:
    model = build()
    model.save(tmp_path / "model.keras")
    network = load((2, 6, 6, 2), network=str(tmp_path / "model.keras")).network
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == model.count_params()


def test_lambdas_are_refused(tmp_path: Path, message: Message) -> None:
    model = keras.Sequential([keras.Input((4,)), Layers.Lambda(lambda x: x * 2, name="twice")])
    for suffix in ("keras", "h5"):
        model.save(tmp_path / f"model.{suffix}")
        text = message((2, 4), network=str(tmp_path / f"model.{suffix}"))
        assert "task a: network" in text
        assert "twice is a Lambda, which carries code; build it from Keras' own layers" in text


def test_classes_outside_keras_are_refused(tmp_path: Path, message: Message) -> None:
    keras.Sequential([keras.Input((4,)), Layers.Dense(2, name="last")]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] |= {"module": "os", "class_name": "system"}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    text = message((2, 4), network=str(tmp_path / "m.keras"))
    assert "last is a system of os, which is no part of Keras" in text


def test_what_holds_no_network_is_refused(tmp_path: Path, message: Message) -> None:
    model = small_cnn()
    model.save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "text.h5").write_text("no network")
    weights = message(network=str(tmp_path / "model.weights.h5"))
    assert "it holds weights alone; save the whole network with model.save" in weights
    assert "it is no Keras file" in message(network=str(tmp_path / "text.h5"))
    assert "the file cannot be read" in message(network=str(tmp_path / "absent.keras"))


def test_open_sizes_two_outputs_and_half_precision_are_refused(
    tmp_path: Path, message: Message
) -> None:
    x = keras.Input((None, None, 1))
    y = keras.Input((4,))
    dense = Layers.Dense(2, dtype="mixed_float16", name="small")
    cases = {
        "(None, None, None, 1) has open sizes": keras.Model(x, Layers.Conv2D(2, 3)(x)),
        "1 inputs and 2 outputs; one each": keras.Model(y, [Layers.Dense(2)(y), Layers.ReLU()(y)]),
        "layer small computes in float16": keras.Sequential([keras.Input((4,)), dense]),
    }
    for said, model in cases.items():
        model.save(tmp_path / "m.keras")
        assert said in message((2, 4), network=str(tmp_path / "m.keras"))
