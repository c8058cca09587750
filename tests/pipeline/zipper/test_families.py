"""Every kind of network: nothing shared changes nothing, permuted copies share without loss."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import relu

from taskzip.pipeline.networks.user_code import UserFolder

_KINDS = UserFolder(Path(__file__).parents[1]).module("families")
FAMILIES, Residual, made = _KINDS.FAMILIES, _KINDS.Residual, _KINDS.made

TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

SAME_FUNCTION = 1e-5
COPIES_DIFFER = 1e-3
"""Ridge and float32 sums, outputs of order 1."""


def largest_share(networks: Sequence[nn.Module], try_zip: TryZip, **config: object) -> float:
    """Shared parameters as part of one network's."""
    zipped = try_zip(networks, shape=(2, 9, 9), **config).zipped
    one: float = sum(parameter.numel() for parameter in networks[0].parameters())
    return zipped.parameters.shared / one


@pytest.mark.parametrize("family", FAMILIES)
def test_sharing_nothing_gives_the_original_outputs(try_zip: TryZip, family: str) -> None:
    trial = try_zip([made(family, 1), made(family, 2)], shape=(2, 9, 9), share=0)
    assert trial.largest_difference() < SAME_FUNCTION
    assert trial.zipped.parameters.shared == 0


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("family", FAMILIES)
def test_copies_share_without_loss(try_zip: TryZip, family: str, share: float) -> None:
    trial = try_zip([made(family, 1), made(family, 1)], shape=(2, 9, 9), share=share)
    assert trial.largest_difference() < COPIES_DIFFER
    assert trial.zipped.parameters.shared > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_different_networks_zip_save_and_answer_alike_after_loading(
    try_zip: TryZip, family: str, tmp_path
) -> None:
    from taskzip.pipeline.zipper import JointNetwork  # noqa: PLC0415

    trial = try_zip([made(family, 1), made(family, 2)], shape=(2, 9, 9), share=0.7)
    trial.zipped.joint.save(tmp_path)
    loaded = JointNetwork.load(tmp_path)
    batch = torch.randn(3, 2, 9, 9)
    for task in trial.tasks:
        before, after = (each.task(task.name)(batch) for each in (trial.zipped.joint, loaded))
        assert torch.equal(before, after)


def test_all_layers_but_the_head_are_shared_in_a_residual_network(try_zip: TryZip) -> None:
    trial = try_zip([made("residual", 1), made("residual", 2)], shape=(2, 9, 9))
    assert [layer.shared for layer in trial.zipped.layers] == [6, 6, 6, 6, 6, 12, 0]
    assert trial.zipped.notes == ()


def test_an_lstm_stays_private_with_a_reason(try_zip: TryZip) -> None:
    trial = try_zip([made("recurrent", 1), made("recurrent", 2)], shape=(2, 9, 9))
    assert [(layer.name, layer.shared) for layer in trial.zipped.layers] == [
        ("before", 5),
        ("after", 6),
        ("last", 7),
        ("head", 0),
    ]
    assert trial.zipped.notes[0] == "t0: cells (aten.lstm.input) stays private"


def test_attention_shares_whole_heads(try_zip: TryZip) -> None:
    networks = [made("transformer", 1), made("transformer", 2)]
    widths = {"patches": 8, "qkv": 24, "mix": 8, "wide": 12, "narrow": 8, "head": 0}
    for share, expected in ((0.6, 12), (0.1, 0)):
        trial = try_zip(networks, shape=(2, 9, 9), share=share)
        found = {layer.name: layer.shared for layer in trial.zipped.layers}
        assert found == {n: round(share * w) for n, w in widths.items()} | {"qkv": expected}


def test_a_layer_before_the_first_common_one_has_its_channels_paired(try_zip: TryZip) -> None:
    """The deeper network writes the residual sum before the layer that both have."""

    class Early(Residual):
        def __init__(self) -> None:
            super().__init__()
            self.early = nn.Conv2d(2, 6, 5, padding=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            early = self.early(x).relu()
            x = early + relu(self.norm(self.stem(x)))
            for block in self.blocks:
                x = relu(x + block(x))
            scores: torch.Tensor = self.head(self.shortcut(x).relu().mean((2, 3)))
            return scores

    torch.manual_seed(1)
    one, other = Early().eval(), Residual().eval()
    trial = try_zip([one, other], shape=(2, 9, 9), share=0.5)
    by_name = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert by_name["early"] == 0
    assert by_name["stem"] == 3
    assert by_name["blocks.0.0"] == 3
    assert try_zip([one, other], shape=(2, 9, 9), share=0).largest_difference() < SAME_FUNCTION


def test_a_deeper_network_keeps_its_extra_layers(try_zip: TryZip) -> None:
    torch.manual_seed(1)
    deep, shallow = Residual(blocks=3).eval(), Residual(blocks=2).eval()
    trial = try_zip([deep, shallow], shape=(2, 9, 9))
    private = [note for note in trial.zipped.notes if note.startswith("t0: blocks.2")]
    assert len(private) == 2
    assert sum(layer.shared > 0 for layer in trial.zipped.layers) == 6
    assert not any(note.startswith("t1") for note in trial.zipped.notes)


def test_widths_may_differ_where_channels_are_added(try_zip: TryZip) -> None:
    torch.manual_seed(1)
    wide, narrow = Residual(width=8).eval(), Residual(width=5).eval()
    trial = try_zip([wide, narrow], shape=(2, 9, 9))
    assert [layer.shared for layer in trial.zipped.layers] == [5, 5, 5, 5, 5, 10, 0]


def test_nine_tasks_share_one_trunk(try_zip: TryZip) -> None:
    networks = [made("residual", seed) for seed in range(9)]
    assert largest_share(networks, try_zip, reconstruct_steps=0) > 0.95


def test_first_layers_of_different_inputs_can_stay_private(try_zip: TryZip) -> None:
    networks = [made("one-dimensional", seed) for seed in (1, 2)]
    trial = try_zip(networks, shape=(2, 9, 9), share_inputs=False)
    assert trial.zipped.joint.spec.tasks["t0"].layers
    blocks = [placed.block for placed in trial.zipped.joint.spec.tasks["t0"].layers.values()]
    assert blocks == [None, 0, None]
