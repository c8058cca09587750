"""Half a Gram matrix mirrored is the whole one; large layers are solved in float32 as well."""

import pytest
import torch

from taskzip.pipeline.graph.layer import Geometry, Layer
from taskzip.pipeline.zipper.gather import gather
from taskzip.pipeline.zipper.gram import TILE, add_columns, gram_factor, mirror, slices
from taskzip.pipeline.zipper.optimum import optimum
from taskzip.pipeline.zipper.order import Inputs, Order
from taskzip.pipeline.zipper.pairing import pair_costs
from taskzip.pipeline.zipper.second_moment import SecondMoment
from taskzip.pipeline.zipper.turned import turned

EXACT = 1e-9
SINGLE = 1e-4
"""Float32 weights of size 1."""


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("columns", [1, 5, TILE, TILE + 1, 2 * TILE + 3])
def test_tiles_make_the_whole_matrix(columns: int) -> None:
    rows = noise(3, columns)
    total = torch.zeros(columns, columns, dtype=torch.float64)
    add_columns(total, rows)
    add_columns(total, rows)
    assert torch.allclose(mirror(total), 2 * rows.T @ rows, atol=EXACT)


def test_the_factor_is_that_of_the_damped_gram_matrix() -> None:
    rows = noise(TILE + 2, 4)
    factor = gram_factor(rows, 0.5)
    wanted = rows @ rows.T + 0.5 * torch.eye(len(rows), dtype=torch.float64)
    assert torch.allclose(factor @ factor.T, wanted, atol=EXACT)


def test_slices_cover_a_length_once() -> None:
    assert [range(10)[each] for each in slices(10, 4)] == [range(4), range(4, 8), range(8, 10)]
    assert list(slices(0, 4)) == [slice(0, 0)]


def test_float32_weights_give_what_float64_ones_give() -> None:
    moments = [SecondMoment.of_rows(noise(3, 12, seed=seed), 3).damped(0.01) for seed in (1, 2)]
    weights = [noise(5, 12, seed=seed) for seed in (3, 4)]
    narrow = [each.float() for each in weights]
    wide_costs = pair_costs(moments[0], weights[0], moments[1], weights[1])
    costs = pair_costs(moments[0], narrow[0], moments[1], narrow[1])
    assert abs(costs - wide_costs).max() < SINGLE
    merged = optimum(moments, narrow)
    assert merged.dtype == torch.float32
    assert torch.allclose(merged.double(), optimum(moments, weights), atol=SINGLE)


@pytest.mark.parametrize("rows", [4, 40])
def test_a_refit_keeps_the_type_of_the_weights(rows: int) -> None:
    found = gather([(noise(rows, 5), noise(rows, 12, seed=1))], 12)
    weights = noise(5, 12, seed=2)
    narrow = found.refit(weights.float(), 0.1)
    assert narrow.dtype == torch.float32
    assert torch.allclose(narrow.double(), found.refit(weights, 0.1), atol=SINGLE)


def test_turned_weights_answer_for_turned_inputs_as_the_layer_did() -> None:
    geometry = Geometry(kernel=(2,), stride=(1,), padding=(0,), dilation=(1,))
    layer = Layer("conv", noise(3, 4, 2).float(), noise(3, seed=1).float(), geometry)
    order = Order(2, torch.tensor([2, 0, 3, 1]), torch.tensor([1.0, 2.0, 4.0, 1.0]).double())
    inputs = Inputs(((order, 1),))
    x = noise(4, 2, seed=2)
    moved = x[inputs.index] * inputs.factors[:, None]
    found = turned(layer, inputs) @ torch.cat([moved.flatten(), torch.ones(1)])
    wanted = layer.matrix.double() @ torch.cat([x.flatten(), torch.ones(1)])
    assert torch.allclose(found, wanted, atol=EXACT)
