"""What zipping guarantees, on whole networks."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.contracts.zipresult import Parameters
from taskzip.pipeline.zipper import JointNetwork
from taskzip.pipeline.zipper.align import Alignment, Group
from taskzip.pipeline.zipper.plan import Plan, shared_counts

SAME_FUNCTION = 2e-5
"""Float32 sums in another order, outputs of order 1."""
LEVELS_OF_FOUR = [(0, 4), (0, 4, 6), (0, 4, 8)]
"""What 4, 6 and 8 channels can share in fours."""

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

OWN_SETTINGS = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def chains(draw: st.DrawFn) -> tuple[nn.Sequential, nn.Sequential]:
    """Two networks for 2 × 9 × 9 with the same operations and widths of their own."""
    convolutions, linears = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    kernel, padding = draw(st.sampled_from([1, 3])), draw(st.integers(0, 1))
    bias, pool = draw(st.booleans()), draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
    made = []
    for _ in range(2):
        torch.manual_seed(draw(st.integers(0, 100)))
        layers: list[nn.Module] = []
        width = 2
        for _ in range(convolutions):
            following = draw(st.integers(1, 5))
            layers += [nn.Conv2d(width, following, kernel, padding=padding, bias=bias), nn.ReLU()]
            width = following
        layers += [pool(2), nn.Dropout(), nn.Flatten()]
        side = (9 + convolutions * (2 * padding - kernel + 1)) // 2
        width *= side * side
        for _ in range(linears):
            following = draw(st.integers(1, 6))
            layers += [nn.Linear(width, following, bias=bias), nn.ReLU()]
            width = following
        made.append(nn.Sequential(*layers, nn.Linear(width, 3)))
    return made[0], made[1]


@OWN_SETTINGS
@given(networks=chains(), refit=st.booleans())
def test_sharing_nothing_gives_the_original_outputs_to_the_bit(
    try_zip: TryZip, networks: tuple[nn.Sequential, nn.Sequential], refit: bool
) -> None:
    trial = try_zip(networks, shape=(2, 9, 9), share=0, refit=refit)
    assert all(torch.equal(before, after) for before, after in trial.outputs())
    assert trial.zipped.parameters.shared == 0
    assert trial.zipped.parameters.joint == trial.zipped.parameters.separate


@OWN_SETTINGS
@given(networks=chains(), share=st.sampled_from([0.3, 0.7, 1, 1.0]), refit=st.booleans())
def test_any_chain_zips_reloads_and_counts_its_parameters(
    try_zip: TryZip,
    tmp_path_factory: pytest.TempPathFactory,
    networks: tuple[nn.Sequential, nn.Sequential],
    share: float,
    refit: bool,
) -> None:
    trial = try_zip(networks, shape=(2, 9, 9), share=share, refit=refit)
    assert all(before.shape == after.shape for before, after in trial.outputs())
    folder = tmp_path_factory.mktemp("joint")
    trial.zipped.joint.save(folder)
    loaded = JointNetwork.load(folder)
    batch = torch.randn(3, 2, 9, 9)
    for task in trial.tasks:
        assert torch.equal(loaded.task(task.name)(batch), trial.zipped.joint.task(task.name)(batch))


@pytest.mark.parametrize("pairing", ["greedy", "hungarian"])
@pytest.mark.parametrize("refit", [True, False])
def test_identical_networks_zip_to_themselves(
    convolutional: Networks, try_zip: TryZip, pairing: str, refit: bool
) -> None:
    trial = try_zip([convolutional()] * 3, pairing=pairing, refit=refit)
    assert trial.largest_difference() < SAME_FUNCTION
    assert max(cost for layer in trial.zipped.plan.groups for cost in layer.costs) < 1e-10


def permuted(network: nn.Sequential, seed: int) -> nn.Sequential:
    """The same function with all hidden channels in another order."""
    generator = torch.Generator().manual_seed(seed)
    weighted = [each for each in network if isinstance(each, (nn.Conv2d, nn.Linear))]
    for one, following in itertools.pairwise(weighted):
        order = torch.randperm(one.weight.shape[0], generator=generator)
        one.weight.data, one.bias.data = one.weight.data[order], one.bias.data[order]  # type: ignore[union-attr]
        spread = following.weight.data.unflatten(1, (len(order), -1))
        following.weight.data = spread[:, order].flatten(1, 2)
    return network


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_order_of_hidden_channels_does_not_matter(
    convolutional: Networks, try_zip: TryZip, share: float
) -> None:
    plain = try_zip([convolutional(seed=1), convolutional(seed=2)], share=share)
    turned = try_zip([convolutional(seed=1), permuted(convolutional(seed=2), 5)], share=share)
    for (_, one), (_, other) in zip(plain.outputs(), turned.outputs(), strict=True):
        assert (one - other).abs().max() < 1e-4
    for before, after in zip(plain.zipped.plan.groups, turned.zipped.plan.groups, strict=True):
        assert before.costs == pytest.approx(after.costs, rel=1e-3)


def test_a_permuted_copy_zips_without_loss(convolutional: Networks, try_zip: TryZip) -> None:
    trial = try_zip([convolutional(), permuted(convolutional(), 3)])
    assert trial.largest_difference() < SAME_FUNCTION


def test_full_sharing_holds_the_same_parameters_in_plain_layers(
    convolutional: Networks, try_zip: TryZip
) -> None:
    joint = try_zip([convolutional(seed=1), convolutional(seed=2)]).zipped.joint
    *hidden, head = zip(
        joint.task("t0").layers.values(), joint.task("t1").layers.values(), strict=True
    )
    assert [type(one) for one, _ in hidden] == [nn.Conv2d, nn.Conv2d, nn.Linear]
    assert all(one is other for one, other in hidden)
    assert head[0] is not head[1]


def test_partial_sharing_stores_what_the_block_formula_says(
    convolutional: Networks, try_zip: TryZip
) -> None:
    widths = {"t0": (4, 6, 8), "t1": (5, 6, 7)}
    networks = [convolutional(widths["t0"], 1), convolutional(widths["t1"], 2)]
    trial = try_zip(networks, share={"0": 3, "3": 0.5, "7": 5})
    shared, spread = (3, 3, 5), (9, 9, 4)
    before = (1, *shared)
    stored_once = sum(s * p * k + s for s, p, k in zip(shared, before, spread, strict=False))
    stored = stored_once
    for of in widths.values():
        own = [n - s for n, s in zip(of, shared, strict=True)]
        own_before = (0, *own)
        for depth, (s, o, k) in enumerate(zip(shared, own, spread, strict=True)):
            from_own = own_before[depth] * s * k
            stored += from_own + o * (before[depth] + own_before[depth]) * k + o
        stored += 3 * of[2] + 3
    separate = sum(p.numel() for network in networks for p in network.parameters())
    assert trial.zipped.parameters == Parameters(
        separate=separate, joint=stored, shared=stored_once
    )
    assert [(layer.name, layer.shared, layer.of) for layer in trial.zipped.layers] == [
        ("0", 3, {"t0": 4, "t1": 5}),
        ("3", 3, {"t0": 6, "t1": 6}),
        ("7", 5, {"t0": 8, "t1": 7}),
        ("9", 0, {"t0": 3, "t1": 3}),
    ]


def test_partial_sharing_of_copies_changes_nothing(
    convolutional: Networks, try_zip: TryZip
) -> None:
    trial = try_zip([convolutional(), permuted(convolutional(), 4)], share=0.5)
    assert trial.largest_difference() < SAME_FUNCTION


@pytest.mark.parametrize(
    ("wanted", "shared"),
    [
        ({"share": 0.6}, [4, 4, 4]),
        ({"share": 0.9}, [4, 6, 8]),
        ({"share": {"3": 0.5}}, [4, 4, 8]),
        ({"share": {"3": 5}}, [4, 5, 8]),
    ],
)
def test_a_fraction_shares_all_channels_or_a_multiple(
    convolutional: Networks, try_zip: TryZip, wanted: dict[str, Any], shared: list[int]
) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    plan = try_zip(networks, share_multiple=4, **wanted).zipped.plan
    assert [group.shared for group in plan.groups] == shared


@pytest.mark.parametrize("budget", [{"max_size_ratio": 0.75}, {"max_error": 0.5}])
def test_a_budget_shares_all_channels_or_a_multiple(
    convolutional: Networks, try_zip: TryZip, budget: dict[str, float]
) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]

    def shared(multiple: int) -> list[int]:
        plan = try_zip(networks, share_multiple=multiple, **budget).zipped.plan
        return [group.shared for group in plan.groups]

    assert any(count not in (0, 4) for count in shared(1)[:2])
    found = shared(4)
    assert all(count in levels for count, levels in zip(found, LEVELS_OF_FOUR, strict=True))
    assert any(found)


def test_units_are_shared_in_multiples_of_channels_too() -> None:
    heads = Group("h", ("h",), {"t0": 0}, {"t0": 16}, unit=4)
    alignment = Alignment((), (heads,), ())
    assert shared_counts(0.6, alignment, 8) == (8,)
    assert shared_counts(0.6, alignment, 6) == (12,)
    assert shared_counts(0.9, alignment, 8) == (16,)


def test_fewer_shared_channels_cost_no_more(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    costs = [
        sum(try_zip(networks, share={"0": count, "3": 1}).zipped.plan.groups[0].costs)
        for count in (1, 2, 3, 4)
    ]
    assert costs == sorted(costs)


def test_refit_brings_the_outputs_closer(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]

    def squared_error(**config: object) -> float:
        pairs = try_zip(networks, **config).outputs()
        return sum(float(((before - after) ** 2).mean()) for before, after in pairs)

    assert squared_error(refit=True) < 0.7 * squared_error(refit=False)


def test_originals_stay_as_they_are(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    before = [{k: v.clone() for k, v in each.state_dict().items()} for each in networks]
    try_zip(networks)
    for network, state in zip(networks, before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_same_seed_gives_the_same_bytes(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        trial = try_zip([convolutional(seed=1), convolutional(seed=2)], share=0.5)
        trial.zipped.joint.save(tmp_path / name)
        trial.zipped.plan.write(tmp_path / name / "plan.json")
    for file in ("joint.safetensors", "joint.json", "plan.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_plan_is_json_that_names_each_channel_once(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path
) -> None:
    plan = try_zip([convolutional(seed=1), convolutional(seed=2)], share=0.5).zipped.plan
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan
    for group in plan.groups:
        for task, width in group.of.items():
            assert sorted(group.order(task)) == list(range(width))


def test_loaded_network_shares_parameters_again(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path
) -> None:
    joint = try_zip([convolutional(seed=1), convolutional(seed=2)], share=0.5).zipped.joint
    joint.save(tmp_path)
    loaded = JointNetwork.load(tmp_path)
    assert [name for name, _ in loaded.named_parameters()] == [
        name for name, _ in joint.named_parameters()
    ]
    first, second = (next(iter(loaded.task(task).layers.values())) for task in ("t0", "t1"))
    assert first.shared is second.shared


def test_a_damaged_save_is_refused(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path
) -> None:
    one = try_zip([convolutional(seed=1), convolutional(seed=2)]).zipped.joint
    narrow = try_zip([convolutional((2, 6, 8)), convolutional((2, 6, 8), 1)]).zipped.joint
    one.save(tmp_path)
    narrow.spec.write(tmp_path / "joint.json")
    with pytest.raises(BadInput, match="has shape"):
        JointNetwork.load(tmp_path)
    (tmp_path / "joint.safetensors").write_bytes(b"short")
    with pytest.raises(BadInput, match="cannot be read"):
        JointNetwork.load(tmp_path)


@pytest.mark.parametrize("op", ["aten.from_file.default", "aten.relu_.default", "os.system", ""])
def test_a_save_that_calls_anything_but_pure_operators_is_refused(
    convolutional: Networks, try_zip: TryZip, tmp_path: Path, op: str
) -> None:
    try_zip([convolutional(), convolutional()]).zipped.joint.save(tmp_path)
    structure = tmp_path / "joint.json"
    structure.write_text(structure.read_text().replace("aten.relu.default", op))
    with pytest.raises(BadInput, match="is no operator that a network may call"):
        JointNetwork.load(tmp_path)


def test_an_unknown_task_is_named(convolutional: Networks, try_zip: TryZip) -> None:
    joint = try_zip([convolutional(), convolutional()]).zipped.joint
    with pytest.raises(BadInput, match="no task 'cats'"):
        joint.task("cats")


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_every_task_can_be_exported_by_torch(
    convolutional: Networks, try_zip: TryZip, share: float
) -> None:
    trial = try_zip([convolutional(seed=1), convolutional(seed=2)], share=share)
    batch = torch.randn(1, 1, 10, 10)
    for task in trial.tasks:
        module = trial.zipped.joint.task(task.name)
        exported = torch.export.export(module, (batch,)).module()
        assert (exported(batch) - module(batch)).abs().max() < SAME_FUNCTION
