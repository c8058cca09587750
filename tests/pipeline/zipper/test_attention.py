"""Attention: heads are matched as units, whatever way the network writes it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from taskzip.pipeline.zipper.pairing import pair_costs
from taskzip.pipeline.zipper.second_moment import SecondMoment

TryZip = Callable[..., "Trial"]  # type: ignore[name-defined]  # noqa: F821  # in conftest.py

HEADS, WIDTH = 4, 3
FEATURES = HEADS * WIDTH
SAME_FUNCTION = 2e-5
NO_COST = 1e-9
"""Relative to the power of what is merged; the weights are float32."""


class Attention(nn.Module):
    """Three layers for queries, keys and values, between a layer before and a layer after."""

    def __init__(self, width: int = WIDTH, heads: int = HEADS) -> None:
        super().__init__()
        self.heads = heads
        self.first = nn.Linear(7, FEATURES)
        self.q, self.k, self.v = (nn.Linear(FEATURES, heads * width) for _ in "qkv")
        self.out = nn.Linear(heads * width, FEATURES)
        self.head = nn.Linear(FEATURES, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        q, k, v = (
            each(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for each in (self.q, self.k, self.v)
        )
        x = x + self.out(self.mixed(q, k, v).transpose(1, 2).flatten(2))
        scores: torch.Tensor = self.head(x.mean(1))
        return scores

    def mixed(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return scaled_dot_product_attention(q, k, v)


class ByHand(Attention):
    """Products of matrices and a softmax, with a mask."""

    def mixed(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        scores = q @ k.transpose(-2, -1) / WIDTH**0.5
        mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
        return scores.masked_fill(mask, -1e9).softmax(-1) @ v


class Packed(Attention):
    """One layer for all three, taken apart by chunks."""

    def __init__(self) -> None:
        super().__init__()
        del self.q, self.k, self.v
        self.qkv = nn.Linear(FEATURES, 3 * FEATURES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        q, k, v = (
            each.unflatten(2, (HEADS, WIDTH)).transpose(1, 2)
            for each in self.qkv(x).chunk(3, dim=-1)
        )
        x = x + self.out(self.mixed(q, k, v).transpose(1, 2).flatten(2))
        scores: torch.Tensor = self.head(x.mean(1))
        return scores


class Torchs(nn.Module):
    """torch.nn.MultiheadAttention, with a residual sum."""

    def __init__(self, need_weights: bool) -> None:
        super().__init__()
        self.need_weights = need_weights
        self.first = nn.Linear(7, FEATURES)
        self.attention = nn.MultiheadAttention(FEATURES, HEADS, batch_first=True)
        self.head = nn.Linear(FEATURES, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        found, _ = self.attention(x, x, x, need_weights=self.need_weights)
        scores: torch.Tensor = self.head((x + found).mean(1))
        return scores


class Encoder(nn.Module):
    """torch.nn.TransformerEncoderLayer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(7, FEATURES)
        self.layer = nn.TransformerEncoderLayer(FEATURES, HEADS, 16, batch_first=True)
        self.head = nn.Linear(FEATURES, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.layer(self.first(x)).mean(1))
        return scores


def timm_vit() -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer  # noqa: PLC0415

    sizes = {"img_size": 8, "patch_size": 4, "embed_dim": FEATURES, "num_heads": HEADS}
    return VisionTransformer(**sizes, depth=1, num_classes=3, qk_norm=True)


def torchvision_vit() -> nn.Module:
    from torchvision.models import VisionTransformer  # noqa: PLC0415

    return VisionTransformer(8, 4, 1, HEADS, FEATURES, 16, num_classes=3)


TOKENS, IMAGE = (5, 7), (3, 8, 8)
KINDS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "three layers": (Attention, TOKENS),
    "by hand": (ByHand, TOKENS),
    "packed": (Packed, TOKENS),
    "torch": (lambda: Torchs(need_weights=False), TOKENS),
    "torch with weights": (lambda: Torchs(need_weights=True), TOKENS),
    "encoder": (Encoder, TOKENS),
    "timm": (timm_vit, IMAGE),
    "torchvision": (torchvision_vit, IMAGE),
}


def made(kind: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = KINDS[kind][0]()
    for each in network.parameters():
        nn.init.normal_(each, 0, 0.4)
    return network.eval()


def with_heads_in_order(network: nn.Module, order: list[int]) -> nn.Module:
    """The same function with the heads of its only attention in another order."""
    rows = (torch.tensor(order)[:, None] * WIDTH + torch.arange(WIDTH)).flatten()
    for name, parameter in network.named_parameters():
        last = name.replace("in_proj_", "qkv.").split(".")
        data = parameter.data
        if len(last) < 2:
            continue
        if last[-2] in ("q", "k", "v"):
            parameter.data = data[rows]
        elif last[-2] == "qkv":
            parameter.data = data.unflatten(0, (3, -1))[:, rows].flatten(0, 1)
        elif last[-2:] in (["out", "weight"], ["out_proj", "weight"], ["proj", "weight"]):
            parameter.data = data[:, rows] if "patch_embed" not in name else data
    return network


@pytest.mark.parametrize("kind", KINDS)
def test_heads_in_another_order_are_found_at_no_cost(try_zip: TryZip, kind: str) -> None:
    order = [2, 0, 3, 1]
    networks = [made(kind, 1), with_heads_in_order(made(kind, 1), order)]
    shape = KINDS[kind][1]
    trial = try_zip(networks, shape=shape, refit=False, damping=1e-6)
    with torch.no_grad():
        before, after = (each(torch.ones(1, *shape)) for each in networks)
    assert torch.allclose(before, after, atol=1e-4)
    assert trial.largest_difference() < SAME_FUNCTION
    assert all(layer.shared == layer.of["t0"] for layer in trial.zipped.layers[:-1])
    for group in trial.zipped.plan.groups:
        assert sum(group.costs) <= NO_COST * group.power
    (heads,) = (g for g in trial.zipped.plan.groups if set(g.layers) & set(_ATTENTION))
    assert [each // WIDTH for each in heads.groups["t1"][::WIDTH]] == np.argsort(order).tolist()


_ATTENTION = (
    *("q", "qkv", "attention.in_proj", "layer.self_attn.in_proj", "blocks.0.attn.qkv"),
    "encoder.layers.encoder_layer_0.self_attention.in_proj",
)


@pytest.mark.parametrize("kind", ["packed", "timm"])
def test_sharing_no_head_gives_the_original_outputs(try_zip: TryZip, kind: str) -> None:
    networks = [made(kind, 1), made(kind, 2)]
    assert try_zip(networks, shape=KINDS[kind][1], share=0).largest_difference() < SAME_FUNCTION


@pytest.mark.parametrize(
    ("kind", "method"),
    [("three layers", "mtz"), *(("packed", each) for each in ("rebasin", "zipit", "random"))],
)
def test_every_method_shares_whole_heads(try_zip: TryZip, kind: str, method: str) -> None:
    networks = [made(kind, 1), made(kind, 2)]
    trial = try_zip(networks, shape=TOKENS, share=0.5, method=method)
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    half = {"q": 6, "k": 6, "v": 6} if kind == "three layers" else {"qkv": 18}
    assert shared == {"first": 6, "out": 6, "head": 0, **half}
    (heads,) = (g for g in trial.zipped.plan.groups if set(g.layers) & set(half))
    for task in ("t0", "t1"):
        channels = np.array(heads.order(task)).reshape(HEADS, WIDTH)
        assert (channels % WIDTH == np.arange(WIDTH)).all()
        assert (channels // WIDTH == channels[:, :1] // WIDTH).all()


@pytest.mark.parametrize(("kind", "share"), [("three layers", 0.75), ("packed", 0.25)])
def test_part_of_the_heads_of_a_copy_is_shared_without_loss(
    try_zip: TryZip, kind: str, share: float
) -> None:
    networks = [made(kind, 1), with_heads_in_order(made(kind, 1), [1, 3, 0, 2])]
    trial = try_zip(networks, shape=TOKENS, share=share, refit=False)
    assert trial.largest_difference() < SAME_FUNCTION


def test_a_budget_counts_whole_heads(try_zip: TryZip) -> None:
    networks = [made("packed", 1), made("packed", 2)]
    trial = try_zip(networks, shape=TOKENS, max_size_ratio=0.8, reconstruct_steps=0)
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert shared["qkv"] % (3 * WIDTH) == 0
    stored = sum(each.numel() for each in trial.zipped.joint.parameters())
    separate = sum(p.numel() for network in networks for p in network.parameters())
    assert stored <= 0.8 * separate


def test_networks_may_have_other_numbers_of_heads(try_zip: TryZip) -> None:
    torch.manual_seed(1)
    networks = [Attention(heads=4).eval(), Attention(heads=3).eval()]
    trial = try_zip(networks, shape=TOKENS)
    shared = {layer.name: layer.shared for layer in trial.zipped.layers}
    assert shared == {"first": 12, "q": 9, "k": 9, "v": 9, "out": 12, "head": 0}


def test_heads_of_another_width_stay_private_with_a_reason(try_zip: TryZip) -> None:
    torch.manual_seed(1)
    networks = [Attention(width=3).eval(), Attention(width=2).eval()]
    trial = try_zip(networks, shape=TOKENS, share=0.5)
    assert [layer.shared for layer in trial.zipped.layers] == [6, 0, 0, 0, 6, 0]
    assert trial.zipped.notes[0] == (
        "t0: q Linear(12 → 12) stays private: no other network has its like with heads 3 wide here"
    )


def test_a_pair_of_units_costs_what_its_channels_cost() -> None:
    generator = torch.Generator().manual_seed(1)
    units, channels, inputs = 3, 2, 5
    rows = torch.randn(20, inputs, dtype=torch.float64, generator=generator)
    moments = [SecondMoment.of_matrix(each.T @ each) for each in (rows, rows[:12] + 1)]
    sides = [
        torch.randn(units, channels, inputs, dtype=torch.float64, generator=generator)
        for _ in moments
    ]
    found = pair_costs(moments[0], sides[0], moments[1], sides[1])
    expected = sum(
        pair_costs(moments[0], sides[0][:, each], moments[1], sides[1][:, each])
        for each in range(channels)
    )
    assert np.allclose(found, expected, atol=1e-12)
