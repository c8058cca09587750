"""Shared weights with sparse parts of each task, on whole networks."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.retraining import retrain
from taskzip.pipeline.zipper import JointNetwork
from taskzip.pipeline.zipper.sparse_layer import SummedLayer, without_entries
from taskzip.pipeline.zipper.stored import stored_bytes

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

SAME_FUNCTION = 2e-5
"""Float32 sums in another order, outputs of order 1."""
SAME_WITH_NORMS = 1e-3
"""Scales and shifts are fitted to float32 activations."""
FAMILIES = UserFolder(Path(__file__).parents[1]).module("families")
HYBRID = {"method": "hybrid", "reconstruct_steps": 0}


@pytest.fixture
def pair(convolutional: Networks) -> list[nn.Sequential]:
    return [convolutional(seed=1), convolutional(seed=2)]


def squared_error(trial: object) -> float:
    return sum(float((a - b).square().mean()) for a, b in trial.outputs())  # type: ignore[attr-defined]


def places(joint: JointNetwork) -> dict[str, torch.Tensor]:
    return {name: each.clone() for name, each in joint.named_buffers()}


def test_without_entries_it_is_full_sharing_to_the_bit(
    pair: list[nn.Sequential], try_zip: TryZip, tmp_path: Path
) -> None:
    try_zip(pair, reconstruct_steps=0).zipped.joint.save(tmp_path / "mtz")
    try_zip(pair, **HYBRID, hybrid_density=0).zipped.joint.save(tmp_path / "hybrid")
    for file in ("joint.safetensors", "joint.json"):
        assert (tmp_path / "mtz" / file).read_bytes() == (tmp_path / "hybrid" / file).read_bytes()


def test_with_all_entries_each_task_is_as_it_was(
    pair: list[nn.Sequential], try_zip: TryZip
) -> None:
    assert try_zip(pair, **HYBRID, hybrid_density=1).largest_difference() < SAME_FUNCTION


@pytest.mark.parametrize("kind", sorted(set(FAMILIES.FAMILIES) - {"depthwise"}))
def test_every_kind_of_layer_takes_entries(try_zip: TryZip, kind: str) -> None:
    networks = [FAMILIES.made(kind, seed) for seed in (1, 2)]
    trial = try_zip(networks, shape=(2, 9, 9), **HYBRID, hybrid_density=1, refit=False)
    assert trial.largest_difference() < SAME_WITH_NORMS
    assert any(isinstance(each, SummedLayer) for each in trial.zipped.joint.modules())


def test_more_entries_mean_less_error_and_more_bytes(
    pair: list[nn.Sequential], try_zip: TryZip
) -> None:
    trials = [try_zip(pair, **HYBRID, hybrid_density=each) for each in (0, 0.1, 0.3)]
    errors = [squared_error(each) for each in trials]
    sizes = [stored_bytes(each.zipped.joint) for each in trials]
    assert errors == sorted(errors, reverse=True)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_what_is_saved_is_compressed_counted_and_comes_back(
    pair: list[nn.Sequential], try_zip: TryZip, tmp_path: Path, share: float
) -> None:
    trial = try_zip(pair, **HYBRID, share=share)
    joint = trial.zipped.joint
    joint.save(tmp_path)
    file = tmp_path / "joint.safetensors"
    header = 8 + int.from_bytes(file.read_bytes()[:8], "little")
    assert trial.zipped.bytes.joint == file.stat().st_size - header
    loaded = JointNetwork.load(tmp_path)
    x = torch.randn(3, 1, 10, 10)
    for task in ("t0", "t1"):
        assert any(isinstance(each, SummedLayer) for each in joint.task(task).modules())
        assert torch.equal(loaded.task(task)(x), joint.task(task)(x))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "joint.safetensors").read_bytes() == file.read_bytes()


def test_a_damaged_file_is_refused(
    pair: list[nn.Sequential], try_zip: TryZip, tmp_path: Path
) -> None:
    try_zip(pair, **HYBRID).zipped.joint.save(tmp_path)
    weights, structure = tmp_path / "joint.safetensors", tmp_path / "joint.json"
    tensors, spec = load_file(weights), json.loads(structure.read_text())
    name = next(each for each in tensors if each.endswith(("gaps", "bitmap")))
    for damaged, said in (
        (tensors[name][:-1], "has"),
        (tensors[name].float(), "has gaps of|has a bitmap of"),
        (torch.full_like(tensors[name], 250), "has"),
    ):
        save_file(tensors | {name: damaged.contiguous()}, weights)
        with pytest.raises(BadInput, match=said):
            JointNetwork.load(tmp_path)
    save_file({key: each for key, each in tensors.items() if key != name}, weights)
    with pytest.raises(BadInput, match=r"does not fit joint\.json"):
        JointNetwork.load(tmp_path)
    next(iter(spec["tasks"]["t0"]["layers"].values()))["spec"]["added"] = 10**12
    structure.write_text(json.dumps(spec))
    with pytest.raises(BadInput, match="cannot add 1000000000000 entries to"):
        JointNetwork.load(tmp_path)


def test_retraining_moves_values_and_keeps_their_places(
    pair: list[nn.Sequential], try_zip: TryZip, tmp_path: Path
) -> None:
    trial = try_zip(pair, **HYBRID, refit=False)
    joint, before = trial.zipped.joint, squared_error(trial)
    where, first = places(joint), [each.clone() for each in joint.parameters()]
    config = RetrainConfig(iterations=25, rate=5e-4, batch_size=20, loss="squared")
    retrain(joint, trial.tasks, config, Silent(), tmp_path / "state")
    assert squared_error(trial) < before
    assert all(torch.equal(each, where[name]) for name, each in places(joint).items())
    assert not any(torch.equal(a, b) for a, b in zip(joint.parameters(), first, strict=True))


def test_reconstruction_moves_both_parts(pair: list[nn.Sequential], try_zip: TryZip) -> None:
    closed, moved = (
        dict(
            try_zip(pair, method="hybrid", reconstruct_steps=steps).zipped.joint.named_parameters()
        )
        for steps in (0, 10)
    )
    for part in ("shared", "values"):
        names = [name for name in closed if part in name]
        assert any(not torch.equal(closed[name], moved[name]) for name in names)


def test_each_task_exports_as_it_is_and_with_ordinary_layers(
    pair: list[nn.Sequential], try_zip: TryZip
) -> None:
    trial = try_zip(pair, **HYBRID, share=0.5)
    x = torch.randn(1, 1, 10, 10)
    for task in ("t0", "t1"):
        network = trial.zipped.joint.task(task)
        plain = without_entries(network)
        assert not any(isinstance(each, SummedLayer) for each in plain.modules())
        assert torch.equal(plain(x), network(x))
        exported = torch.export.export(network, (x,)).module()
        assert (exported(x) - network(x)).abs().max() < SAME_FUNCTION
    assert any(isinstance(each, SummedLayer) for each in trial.zipped.joint.modules())


@pytest.mark.parametrize("ratio", [0.65, 0.8])
def test_a_byte_budget_is_spent_on_entries_and_kept(
    pair: list[nn.Sequential], try_zip: TryZip, ratio: float
) -> None:
    trial = try_zip(pair, **HYBRID, max_size_ratio=ratio)
    found = trial.zipped.bytes
    assert 0.9 * ratio < found.joint / found.separate <= ratio
    assert [group.shared for group in trial.zipped.plan.groups] == [4, 6, 8]


def test_a_byte_budget_below_full_sharing_says_the_least(
    pair: list[nn.Sequential], try_zip: TryZip
) -> None:
    with pytest.raises(BadInput, match=r"cannot have 100 bytes of weights; with nothing added"):
        try_zip(pair, **HYBRID, max_bytes=100)


def test_a_predicted_error_is_kept(pair: list[nn.Sequential], try_zip: TryZip) -> None:
    def predicted(**config: object) -> float:
        plan = try_zip(pair, **HYBRID, **config).zipped.plan
        return sum(sum(group.relative_costs) for group in plan.groups)

    allowed = predicted(hybrid_density=0) / 2
    assert predicted(max_error=allowed) <= allowed
