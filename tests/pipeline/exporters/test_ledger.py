"""Shared and private bytes by identity."""

import torch
from torch import nn

from taskzip.contracts.bundle import Sharing
from taskzip.pipeline.exporters.ledger import sharing, unique_bytes


def _pair() -> dict[str, nn.Module]:
    trunk = nn.Linear(4, 8)
    return {
        "a": nn.Sequential(trunk, nn.Linear(8, 2)),
        "b": nn.Sequential(trunk, nn.Linear(8, 3, bias=False)),
    }


def test_bytes_held_by_both_are_shared_and_the_others_private() -> None:
    assert sharing(_pair()) == Sharing(
        shared_bytes=4 * (32 + 8), private_bytes={"a": 4 * (16 + 2), "b": 4 * 24}
    )


def test_equal_values_in_different_memory_are_not_shared() -> None:
    one, other = nn.Linear(4, 4), nn.Linear(4, 4)
    other.load_state_dict(one.state_dict())
    assert sharing({"a": one, "b": other}).shared_bytes == 0


def test_buffers_count_and_a_tensor_held_twice_by_one_network_counts_once() -> None:
    norm = nn.BatchNorm1d(4)
    assert unique_bytes([nn.Sequential(norm, norm)]) == 4 * 4 * 4 + 4  # a count, in 32 bits


def test_unique_bytes_are_the_shared_and_all_private_ones() -> None:
    pair = _pair()
    ledger = sharing(pair)
    assert unique_bytes(pair.values()) == ledger.shared_bytes + sum(ledger.private_bytes.values())


def test_views_of_one_memory_with_different_shapes_are_told_apart() -> None:
    whole = nn.Parameter(torch.zeros(4, 4))
    part = nn.Module()
    part.register_buffer("top", whole.data[:2])
    holder = nn.Module()
    holder.register_parameter("whole", whole)
    assert sharing({"whole": holder, "part": part}).shared_bytes == 0
