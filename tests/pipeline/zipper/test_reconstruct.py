"""Steps that move merged weights, and scales that make neurons comparable."""

import pytest
import torch
from torch import nn

from taskzip.pipeline.zipper.balance import balance
from taskzip.pipeline.zipper.reconstruct import Side, reconstruct
from taskzip.pipeline.zipper.second_moment import SecondMoment


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def inputs(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(10, 16, 4, generator=generator)
    return [(part, part) for part in parts]


def relative_error(side: Side) -> float:
    with torch.no_grad():
        return sum(
            float(
                (side.merged(b) - side.original(a)).square().mean()
                / side.original(a).square().mean()
            )
            for a, b in side.inputs
        )


def sides_of_one_layer() -> list[Side]:
    shared = nn.Linear(4, 6)
    return [
        Side(inputs(seed), network(seed), nn.Sequential(shared, nn.ReLU(), nn.Linear(6, 3)))
        for seed in (1, 2)
    ]


def test_steps_bring_all_tasks_closer_to_their_originals() -> None:
    torch.manual_seed(0)
    sides = sides_of_one_layer()
    before = [relative_error(side) for side in sides]
    reconstruct(sides, 60)
    assert all(relative_error(side) < old for side, old in zip(sides, before, strict=True))


def test_shared_weights_stay_one_object() -> None:
    sides = sides_of_one_layer()
    reconstruct(sides, 2)
    first, second = (next(side.merged.parameters()) for side in sides)
    assert first is second


def test_weights_that_are_already_right_stay_to_the_bit() -> None:
    original = network(1)
    copy = network(1)
    reconstruct([Side(inputs(1), original, copy)], 20)
    assert all(
        torch.equal(a, b) for a, b in zip(original.parameters(), copy.parameters(), strict=True)
    )


def test_no_steps_change_nothing() -> None:
    sides = sides_of_one_layer()
    before = [parameter.clone() for parameter in sides[0].merged.parameters()]
    reconstruct(sides, 0)
    after = sides[0].merged.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def reading(weight: torch.Tensor) -> torch.Tensor:
    return weight[:, :, None]


def moment_of(size: int, scale: float = 1.0) -> SecondMoment:
    return SecondMoment.of_matrix(scale * torch.eye(size).double())


def test_scales_undo_any_scaling_that_leaves_the_network_the_same() -> None:
    torch.manual_seed(0)
    weights, reader = torch.randn(5, 4).double(), torch.randn(3, 5)
    moment = moment_of(4, 2)
    factors = torch.tensor([0.1, 1.0, 3.0, 7.0, 20.0])
    plain = balance(moment.power(weights), reading(reader))
    larger = moment.power(weights * factors.double()[:, None])
    scaled = balance(larger, reading(reader / factors))
    assert (plain - scaled * factors.double()).abs().max() < 1e-6


def test_scaled_neurons_have_rms_times_influence_as_mean_square() -> None:
    weights = torch.tensor([[3.0, 4.0]]).double()
    reader = torch.tensor([[6.0], [8.0]])
    factor = balance(moment_of(2).power(weights), reading(reader)).item()
    assert factor**2 * 25 == pytest.approx(5 * 10)


def test_dead_neurons_get_finite_scales() -> None:
    power, reader = torch.tensor([0.0, 1.0, 4.0]).double(), torch.tensor([[1.0, 0.0, 1.0]])
    factors = balance(power, reading(reader))
    assert bool((factors > 0).all() and factors.isfinite().all())
    nothing = balance(torch.zeros(2).double(), reading(torch.zeros(1, 2)))
    assert bool((nothing > 0).all() and nothing.isfinite().all())
