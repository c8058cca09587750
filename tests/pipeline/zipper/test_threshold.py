"""Sharing by what it costs, relative to the power of what is merged."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.zipper.optimum import optimum
from taskzip.pipeline.zipper.pairing import Candidates
from taskzip.pipeline.zipper.second_moment import SecondMoment
from taskzip.pipeline.zipper.threshold import all_or_none, cheap_groups

Networks = Callable[..., nn.Sequential]
TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

ANYTHING = 1e9


def candidates(tasks: int, groups: int = 5, size: int = 4) -> list[Candidates]:
    generator = torch.Generator().manual_seed(tasks)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    found = []
    for _ in range(tasks):
        rows = noise(20, size)
        found.append(Candidates(SecondMoment.of_matrix(rows.T @ rows), noise(groups, size)))
    return found


def by_hand(of: list[Candidates], group: int) -> float:
    matrices = [each.moment.whole() for each in of]
    vectors = [each.weights[group] for each in of]
    best = torch.linalg.solve(
        sum(matrices), sum(h @ w for h, w in zip(matrices, vectors, strict=True))
    )
    wrong = sum((w - best) @ h @ (w - best) for h, w in zip(matrices, vectors, strict=True))
    return float(wrong / sum(w @ h @ w for h, w in zip(matrices, vectors, strict=True)))


@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_groups_that_cost_more_than_the_limit_are_left_out(tasks: int) -> None:
    of = candidates(tasks)
    chosen = [torch.arange(5) for _ in of]
    costs = sorted(by_hand(of, group) for group in range(5))
    assert costs[-1] <= 1
    for below, above in itertools.pairwise([0.0, *costs, 1.0]):
        limit = (below + above) / 2
        kept = cheap_groups(of, chosen, optimum, limit)
        wanted = [group for group in range(5) if by_hand(of, group) <= limit]
        assert all(each.tolist() == wanted for each in kept)


def test_channels_in_their_own_order_are_shared_together_or_not_at_all() -> None:
    of = candidates(2)
    chosen = [torch.arange(5) for _ in of]
    assert all(len(each) == 5 for each in all_or_none(of, chosen, optimum, 1.0))
    assert all(len(each) == 0 for each in all_or_none(of, chosen, optimum, 0.0))


def test_a_limit_of_nothing_shares_copies_alone(convolutional: Networks, try_zip: TryZip) -> None:
    one, other = convolutional(), convolutional()
    with torch.no_grad():
        other[0].weight[2:].normal_()
    trial = try_zip([one, other], max_pair_cost=0.0, reconstruct_steps=0)
    first = trial.zipped.plan.groups[0]
    assert first.groups == {"t0": (0, 1), "t1": (0, 1)}
    assert trial.zipped.layers[0].shared == 2
    assert trial.largest_difference() < 1e-4


@pytest.mark.parametrize("method", ["mtz", "average", "zipit"])
def test_a_higher_limit_shares_more_up_to_what_share_allows(
    convolutional: Networks, try_zip: TryZip, method: str
) -> None:
    networks = [convolutional(seed=seed) for seed in (1, 2, 3)]

    def shared(limit: float, **config: object) -> list[int]:
        settings = {"max_pair_cost": limit, "method": method, "reconstruct_steps": 0}
        trial = try_zip(networks, **settings, **config)
        return [group.shared for group in trial.zipped.plan.groups]

    assert shared(0.0) == [0, 0, 0]
    assert shared(ANYTHING) == [4, 6, 8]
    assert shared(ANYTHING, share=0.5) == [2, 3, 4]


def test_limits_by_layer_leave_the_others_alone(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=seed) for seed in (1, 2)]
    trial = try_zip(networks, max_pair_cost={"3": 0.0})
    assert [group.shared for group in trial.zipped.plan.groups] == [4, 0, 8]
    with pytest.raises(BadInput, match=r"zip\.max_pair_cost: no layer that can be shared is call"):
        try_zip(networks, max_pair_cost={"conv3": 0.0})


def test_a_budget_replaces_the_limit(convolutional: Networks, try_zip: TryZip) -> None:
    networks = [convolutional(seed=seed) for seed in (1, 2)]
    trial = try_zip(networks, max_pair_cost=0.0, max_size_ratio=0.8)
    assert any(group.shared for group in trial.zipped.plan.groups)
