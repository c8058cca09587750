"""Layers that are kept in parts in a .pte: what the file holds, and what it computes."""

from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.config import TOLERANCES, ExportConfig, FormChoice, ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.ledger import FileLedger
from taskzip.contracts.names import Precision, Runtime
from taskzip.contracts.progress import Silent
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.ledger import sharing
from taskzip.pipeline.exporters.making import Making
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.forms import Layers, chosen_forms, count_positions, layers_by_name
from taskzip.pipeline.inspection.inspect import inspect
from taskzip.pipeline.inspection.pte_file import PteFile
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import JointNetwork, zip_tasks
from taskzip.pipeline.zipper.forms import in_forms
from taskzip.pipeline.zipper.sparse_layer import Entries

TOLERANCE = Tolerance(absolute=1e-5, relative=1e-5)
FOLDED_BYTES = 4 * 3 * 16
"""A shared bias and its scale and shift are one bias of each task, layer by layer."""

NUMBERS = {"fp16": {"float16", "widened-float16"}, "int8-static": {"int8"}}
"""Of blocks: linear layers' and convolutions'."""


def network(seed: int) -> nn.Module:
    """Images (1, 2, 8, 8); equal shapes, a depthwise convolution, one in groups, a batch norm."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
    for groups in (1, 1, 2, 8):
        layers += [nn.Conv2d(8, 8, 3, padding=1, groups=groups), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 16), nn.ReLU(), nn.Linear(16, 3))


WAYS: dict[str, dict[str, object]] = {
    "mtz": {"share": 0.7},
    "hybrid": {"method": "hybrid", "share": 0.7},
    "hosted": {"method": "hybrid", "hybrid_start": "first", "affine": "all"},
}


@pytest.fixture(scope="module", params=sorted(WAYS))
def joint(request: pytest.FixtureRequest) -> JointNetwork:
    data = [torch.randn(16, 2, 8, 8, generator=torch.Generator().manual_seed(0))]
    tasks = [Task(f"t{seed}", network(seed).eval(), lambda: data) for seed in (1, 2)]
    config = ZipConfig.model_validate({"reconstruct_steps": 0, **WAYS[request.param]})
    found = zip_tasks(tasks, config, Silent()).joint
    for each in found.modules():
        if isinstance(each, Entries):
            nn.init.normal_(each.values, 0, 0.1)  # as if trained
    return found


@pytest.fixture(scope="module")
def layers(joint: JointNetwork) -> Layers:
    return layers_by_name(joint)


@pytest.fixture(scope="module")
def entries(joint: JointNetwork, layers: Layers) -> tuple[EntryPoint, ...]:
    """With all these layers assembled."""
    formed = in_forms(joint, dict.fromkeys(layers, "assembled"))
    x = torch.randn(5, 2, 8, 8)
    found = tuple(
        EntryPoint(name, each.network, (x[:1],), (x[1:],), recipes=each.recipes)
        for name, each in formed.items()
    )
    for entry in found:
        torch.testing.assert_close(entry.module(x), joint.task(entry.name)(x))
    return found


@pytest.fixture(scope="module")
def made(
    entries: tuple[EntryPoint, ...],
    workers: ExportWorkers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Its export has checked what it computes."""
    path = tmp_path_factory.mktemp("assembled") / "joint.pte"
    workers.export((FileOrder(path, "executorch", entries),), TOLERANCE)
    return path


def ledger(path: Path) -> FileLedger:
    (found,) = inspect(path).files
    return found


def test_the_file_holds_each_block_once(joint: JointNetwork, layers: Layers, made: Path) -> None:
    found = ledger(made)
    least = sharing({name: joint.task(name) for name in joint.names})
    slack = FOLDED_BYTES * len(layers)
    assert (found.unused_bytes, found.duplicated_bytes) == (0, 0)
    assert abs(found.shared_bytes - least.shared_bytes) <= slack
    for name, size in least.private_bytes.items():
        assert abs(found.private_bytes[name] - size) <= slack


def test_what_tasks_share_is_rounded_once(
    joint: JointNetwork,
    entries: tuple[EntryPoint, ...],
    workers: ExportWorkers,
    tmp_path: Path,
) -> None:
    layers = [each for some in layers_by_name(joint).values() for each in some]
    precision: Precision = "int8-static" if any(each.has_entries for each in layers) else "fp16"
    order = FileOrder(tmp_path / "joint.pte", "executorch", entries, Making(precision=precision))
    workers.export((order,), TOLERANCES[precision])
    found = ledger(order.path)
    assert (found.unused_bytes, found.duplicated_bytes) == (0, 0)
    shared = sum(each.numbers for each in found.constants if len(each.entries) > 1)
    least = sharing({name: joint.task(name) for name in joint.names})
    assert abs(4 * shared - least.shared_bytes) <= FOLDED_BYTES * len(layers)
    assert {each.numbers for each in PteFile(order.path).recipes()} == NUMBERS[precision]


def test_a_damaged_recipe_is_told(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.pte"
    path.write_bytes(made.read_bytes().replace(b'"op":"copy"', b'"op":"cope"'))
    with pytest.raises(BadInput, match=r"damaged\.pte: .*its recipes"):
        inspect(path)


def forms(
    joint: JointNetwork,
    layers: Layers,
    runtime: Runtime,
    form: FormChoice | dict[str, FormChoice] = "auto",
    **config: object,
) -> dict[str, str]:
    x = torch.randn(1, 2, 8, 8)
    positions = count_positions(layers, joint, dict.fromkeys(joint.names, (x,)))
    export = ExportConfig.model_validate({"form": form, **config})
    return dict(chosen_forms(layers, export, runtime, positions))


def test_forms_are_chosen_by_what_they_cost(joint: JointNetwork, layers: Layers) -> None:
    chosen = forms(joint, layers, "executorch")
    is_sparse = {name: some[0].has_entries for name, some in layers.items()}
    convolutions = [name for name, some in layers.items() if some[0].spec.geometry]
    assert {n for n, form in chosen.items() if form == "assembled"} == {
        name for name in layers if is_sparse[name] or name in convolutions
    }
    assert forms(joint, layers, "executorch", precision="int8-static") == chosen
    for runtime, data_file in (("litert", False), ("executorch", True)):
        assert forms(joint, layers, runtime, data_file=data_file) == {
            name: "whole" if sparse else "blocked" for name, sparse in is_sparse.items()
        }


def test_a_form_can_be_asked_for_by_layer(joint: JointNetwork, layers: Layers) -> None:
    first = next(iter(layers))
    asked = forms(joint, layers, "executorch", {first: "blocked"})
    sparse = layers[first][0].has_entries
    assert asked == {**forms(joint, layers, "executorch"), first: "whole" if sparse else "blocked"}
    with pytest.raises(BadInput, match=f"no layer 'nothing' is shared in part; .*{first}"):
        forms(joint, layers, "executorch", {"nothing": "blocked"})


def test_what_a_runtime_cannot_assemble_is_told_with_the_way_out(
    joint: JointNetwork, layers: Layers
) -> None:
    first = next(iter(layers))
    with pytest.raises(BadInput, match=rf"litert: layer '{first}' .*\.tflite.*\"blocked\""):
        forms(joint, layers, "litert", "assembled")
    with pytest.raises(BadInput, match=rf"executorch: layer '{first}' .* a data file"):
        forms(joint, layers, "executorch", "assembled", data_file=True)
