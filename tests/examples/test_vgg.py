"""The VGG-16 example: its architecture, and two networks that are one but for noise and order."""

import torch

from taskzip.pipeline.networks.user_code import UserFolder

IMAGENET_WEIGHTS = 138_357_544
"""Of VGG-16 with 1,000 classes (Simonyan and Zisserman, ICLR 2015, table 2: 138 million)."""


def test_it_has_as_many_weights_as_vgg16(examples: UserFolder) -> None:
    with torch.device("meta"):
        network = examples.module("vgg").vgg16(1_000)
    assert sum(each.numel() for each in network.parameters()) == IMAGENET_WEIGHTS


def test_two_networks_are_alike_but_for_order_and_noise(examples: UserFolder) -> None:
    weights = examples.module("vgg16_weights")
    build = examples.module("vgg").vgg16
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = []
    for seed in (1, 2):
        network = weights.descendant(build(4, narrower=16, image_size=32), seed).eval()
        found.append(network[:-1](images).detach())
    left, right = (each.sort(dim=1).values for each in found)
    assert torch.corrcoef(torch.stack([left.flatten(), right.flatten()]))[0, 1] > 0.5
    assert not torch.equal(*found)
