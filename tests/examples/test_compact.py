"""Compact files give back what they were made of."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from taskzip.pipeline.networks.user_code import UserFolder
from tests.examples.conftest import EXAMPLES

compact = UserFolder(EXAMPLES).module("compact")
training = UserFolder(EXAMPLES).module("training")

weights = arrays(
    np.float32,
    array_shapes(max_dims=4, max_side=5),
    elements=st.sampled_from([0.0, 0.0, 1.5, -2.0]),
)


@given(st.dictionaries(st.sampled_from(["1.weight", "1.bias", "5.weight"]), weights))
def test_unpacking_gives_the_packed_tensors(dense: dict[str, np.ndarray]) -> None:
    tensors = {name: torch.from_numpy(array) for name, array in dense.items()}
    found = compact.unpack(compact.pack(tensors))
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_a_compact_file_keeps_a_tenth_of_a_network_in_a_fifth_of_its_size() -> None:
    dense = torch.zeros(100, 100)
    dense[:10] = 1.0
    packed = compact.pack({"weight": dense})
    assert sum(tensor.nbytes for tensor in packed.values()) < dense.nbytes / 5


@pytest.mark.parametrize("density", [0.0, 0.25, 1.0])
def test_pruning_keeps_the_largest_magnitudes(density: float) -> None:
    weight = torch.tensor([[3.0, -4.0], [0.5, -1.0]])
    training.keep_largest(weight, density)
    expected = {
        0.0: [[0.0, 0.0], [0.0, 0.0]],
        0.25: [[0.0, -4.0], [0.0, 0.0]],
        1.0: [[3.0, -4.0], [0.5, -1.0]],
    }
    assert weight.tolist() == expected[density]


def test_images_move_by_whole_pixels_within_reach() -> None:
    torch.manual_seed(0)
    images = torch.zeros(50, 2, 9, 9)
    images[:, :, 4, 4] = 1.0
    recipes = UserFolder(EXAMPLES).module("recipes")
    moved = training.augment(images, recipes.Recipe(epochs=1, shift_pixels=2))
    assert moved.shape == images.shape
    assert torch.equal(moved[:, :, 2:7, 2:7].sum((2, 3)), torch.ones(50, 2))
    assert len({tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()}) > 1
