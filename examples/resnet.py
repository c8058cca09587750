"""Residual networks for 32 × 32 colour images (He et al., CVPR 2016, section 4.2)."""

import torch
from torch import nn

WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """relu(x + f(x)), f of two convolutions with batch norm; x projected where the shape changes.

    (n, in_channels, h, w) → (n, out_channels, h / stride, w / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.projection = _projection(in_channels, out_channels, stride)
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(inner + (x if self.projection is None else self.projection(x)))


def _projection(in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


def resnet(blocks: int, classes: int, first_stride: int = 1) -> nn.Module:
    """Three stages of `blocks` blocks, WIDTHS wide: (n, 3, 32, 32) → (n, classes) scores."""
    first = nn.Conv2d(3, WIDTHS[0], 3, first_stride, padding=1, bias=False)
    layers: list[nn.Module] = [first, nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()]
    width = WIDTHS[0]
    for wider in WIDTHS:
        for index in range(blocks):
            stride = 2 if wider != WIDTHS[0] and index == 0 else 1
            layers.append(Block(width, wider, stride))
            width = wider
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]
    return nn.Sequential(*layers)


def resnet20(classes: int = 5) -> nn.Module:
    """ResNet-20: three blocks a stage, about 272,000 parameters."""
    return resnet(3, classes)


def resnet8(classes: int = 10) -> nn.Module:
    """ResNet-8: one block a stage, about 78,000 parameters; the first one at 16 × 16."""
    return resnet(1, classes, first_stride=2)
