"""What each method promises, on whole networks."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import ZIP_METHODS
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import survey, zip_tasks
from taskzip.pipeline.zipper.methods.rebasin import Rebasin

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

SAME_FUNCTION = 2e-5
FINDS_COPIES = ["mtz", "average", "rebasin", "zipit"]


def turned(network: nn.Sequential, seed: int) -> nn.Sequential:
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
@pytest.mark.parametrize("method", FINDS_COPIES)
def test_turned_copies_are_found_and_zip_without_loss(
    convolutional: Networks, try_zip: TryZip, method: str, share: float
) -> None:
    networks = [convolutional(), turned(convolutional(), 3), turned(convolutional(), 4)]
    trial = try_zip(networks, method=method, share=share, refit=False)
    assert trial.largest_difference() < SAME_FUNCTION


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("method", ZIP_METHODS)
def test_every_method_shares_what_was_asked(
    convolutional: Networks, try_zip: TryZip, method: str, refit: bool
) -> None:
    networks = [convolutional(seed=seed) for seed in (1, 2)]
    trial = try_zip(networks, method=method, share={"0": 3, "3": 0.5}, refit=refit)
    assert [layer.shared for layer in trial.zipped.layers] == [3, 3, 8, 0]
    for group in trial.zipped.plan.groups:
        for task, width in group.of.items():
            assert sorted(group.order(task)) == list(range(width))


@pytest.mark.parametrize("method", ["mtz", "average", "rebasin", "zipit", "random"])
def test_widths_may_differ(convolutional: Networks, try_zip: TryZip, method: str) -> None:
    networks = [convolutional((4, 6, 8), 1), convolutional((5, 4, 9), 2)]
    trial = try_zip(networks, method=method)
    assert [layer.shared for layer in trial.zipped.layers] == [4, 4, 8, 0]


@pytest.mark.parametrize("method", ["average", "rebasin", "zipit"])
def test_means_are_of_directions_where_tasks_scale_what_they_share(method: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 6)
    one, other = (
        nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval() for _ in range(2)
    )
    other[0].weight.data = one[0].weight + 0.3 * torch.randn(5, 6)
    tasks = (Task("one", one, lambda: [x]), Task("other", other, lambda: [20 * x]))
    config = ZipConfig(method=method, affine="all", refit=False)
    (merged, *_) = zip_tasks(tasks, config, Silent()).joint.shared
    means = sum(normalize(each[0].weight) for each in (one, other))
    likeness = normalize(merged.weight) @ normalize(means).T
    assert likeness.amax(1).min() > 1 - SAME_FUNCTION


def test_heads_only_gives_every_task_the_first_trunk(
    convolutional: Networks, try_zip: TryZip
) -> None:
    one, other = convolutional(seed=1), convolutional(seed=2)
    trial = try_zip([one, other], method="heads-only")
    mixed = nn.Sequential(*one[:-1], other[-1])
    x = torch.randn(4, 1, 10, 10)
    assert torch.allclose(trial.zipped.joint.task("t0")(x), one(x), atol=1e-6)
    assert torch.allclose(trial.zipped.joint.task("t1")(x), mixed(x), atol=1e-6)


def test_heads_only_takes_depthwise_kernels_with_the_trunk(try_zip: TryZip) -> None:
    def network(seed: int) -> nn.Sequential:
        torch.manual_seed(seed)
        kernels = nn.Conv2d(4, 4, 3, groups=4)
        return nn.Sequential(
            *(nn.Conv2d(1, 4, 3), nn.ReLU(), kernels, nn.ReLU()),
            *(nn.Flatten(), nn.Linear(4 * 36, 3)),
        )

    one, other = network(1), network(2)
    trial = try_zip([one, other], method="heads-only")
    x = torch.randn(4, 1, 10, 10)
    assert torch.allclose(trial.zipped.joint.task("t0")(x), one(x), atol=1e-6)
    mixed = nn.Sequential(*one[:-1], other[-1])
    assert torch.allclose(trial.zipped.joint.task("t1")(x), mixed(x), atol=1e-6)


def test_heads_only_needs_trunks_of_one_shape(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional((4, 6, 8)), convolutional((5, 6, 8))]
    with pytest.raises(BadInput, match=r"layer '0' has other widths \(t0 4, t1 5\)"):
        try_zip(networks, method="heads-only")


def test_zipit_needs_inputs_of_one_shape(convolutional: Networks, try_zip: TryZip) -> None:
    narrow = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2)).eval()
    trial = try_zip([convolutional(), convolutional()], method="zipit")
    first, second = trial.tasks[0], trial.tasks[1]
    other = type(second)("t1", narrow, lambda: [torch.randn(4, 3, 10, 10)])
    with pytest.raises(BadInput, match="zipit lets every network see every task's data; t"):
        zip_tasks([first, other], ZipConfig(method="zipit"), Silent())


def test_random_pairs_depend_on_the_seed_alone(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=1), convolutional(seed=2)]
    plans = [try_zip(networks, method="random", seed=seed).zipped.plan for seed in (0, 0, 1)]
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


def test_rebasin_finds_the_permutation_of_most_likeness(convolutional: Networks) -> None:
    """Against all permutations of one hidden layer; heads are not compared."""
    torch.manual_seed(0)
    networks = [nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)).eval() for _ in "ab"]
    from taskzip.pipeline.networks.task import Task  # noqa: PLC0415

    data = [torch.randn(4, 5)]
    tasks = [Task(f"t{index}", each, lambda: data) for index, each in enumerate(networks)]
    method = Rebasin()
    method.prepare(survey(tasks, ZipConfig(), Silent()))
    width = 4
    found = method.pair(0, [_Width(width), _Width(width)], width)[1]

    def likeness(order: tuple[int, ...]) -> float:
        one, other = (network[0].weight.detach() for network in networks)
        return float((one * other[list(order)]).sum())

    best = max(itertools.permutations(range(width)), key=likeness)
    assert np.array_equal(found, best)


class _Width:
    """Stands for candidates of which only the number is asked."""

    def __init__(self, count: int) -> None:
        self.weights = torch.zeros(count, 1)
