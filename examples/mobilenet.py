"""A small MobileNetV2 (Sandler et al., CVPR 2018): torchvision's, for 32 × 32 images."""

from torch import nn
from torchvision.models import mobilenet_v2

STAGES = ((1, 16, 1, 1), (4, 24, 2, 2), (4, 32, 2, 2), (4, 64, 2, 1))
"""Expansion, channels at full width, blocks, stride of the first one."""


def mobilenet(classes: int = 10) -> nn.Module:
    """Half as wide, 7 inverted residual blocks: (n, 3, 32, 32) → (n, classes) scores."""
    return mobilenet_v2(
        weights=None,
        num_classes=classes,
        width_mult=0.5,
        inverted_residual_setting=[list(stage) for stage in STAGES],
    )
