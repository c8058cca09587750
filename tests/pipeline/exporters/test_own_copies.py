"""Frameworks get copies: contiguous, in eval mode, and shared as the originals are."""

import torch
from torch import nn

from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.own_copies import own_copies


def _entries() -> tuple[EntryPoint, EntryPoint]:
    trunk = nn.Linear(3, 5)
    trunk.weight.data = torch.randn(3, 5).t()
    x = torch.randn(1, 3)
    return tuple(  # type: ignore[return-value]
        EntryPoint(name, nn.Sequential(trunk, nn.Dropout(), nn.Linear(5, 2)), (x,))
        for name in ("a", "b")
    )


def test_what_was_one_parameter_is_one_parameter_in_the_copies() -> None:
    one, other = own_copies(_entries())
    assert one.module[0].weight is other.module[0].weight  # type: ignore[index]
    assert one.module[2].weight is not other.module[2].weight  # type: ignore[index]


def test_weights_become_contiguous_and_keep_their_values() -> None:
    original = _entries()
    copied = own_copies(original)
    before = original[0].module[0].weight  # type: ignore[index]
    after = copied[0].module[0].weight  # type: ignore[index]
    assert not before.is_contiguous()
    assert after.is_contiguous()
    assert torch.equal(before, after)


def test_changing_a_copy_leaves_the_network_as_it_was() -> None:
    original = _entries()
    before = original[0].module[0].bias.clone()  # type: ignore[index]
    with torch.no_grad():
        own_copies(original)[0].module[0].bias.zero_()  # type: ignore[index]
    assert torch.equal(original[0].module[0].bias, before)  # type: ignore[index]
    assert original[0].module.training


def test_copies_are_in_eval_mode() -> None:
    copied = own_copies(_entries())
    assert not any(part.training for entry in copied for part in entry.module.modules())
