"""A small vision transformer (Dosovitskiy et al., ICLR 2021): timm's, for 28 × 28 images."""

import timm
from torch import nn


def vit(classes: int = 10) -> nn.Module:
    """16 patches of 7 × 7, 4 blocks 64 wide with 4 heads: (n, 1, 28, 28) → (n, classes) scores."""
    network: nn.Module = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=28,
        patch_size=7,
        in_chans=1,
        embed_dim=64,
        depth=4,
        num_heads=4,
        num_classes=classes,
    )
    return network
