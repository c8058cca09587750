"""face-api's networks for landmarks and expressions (V. Mühler, V. Mandic; MIT), in torch.

Both have the same trunk: four dense blocks of depthwise-separable convolutions, whose outputs are
summed, each half as high and wide as the one before. Letters: n faces.
"""

import torch
from face_weights import lay_out_weights
from torch import nn
from torch.nn.functional import pad, relu

WIDTHS = (32, 64, 128, 256)
SIDE = 112
LANDMARKS = 68
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")


class Convolution(nn.Module):
    """3 × 3 as TensorFlow pads it ("same"): with stride 2 on even sides at the end alone.

    (n, inputs, h, w) → (n, outputs, h / stride, w / stride); depthwise then 1 × 1, if `separable`.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, *, separable: bool = True) -> None:
        super().__init__()
        self.border = (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)  # noqa: PLR2004  # left, right…
        if separable:
            self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs, bias=False)
            self.pointwise = nn.Conv2d(inputs, outputs, 1)
        else:
            self.depthwise = nn.Identity()
            self.pointwise = nn.Conv2d(inputs, outputs, 3, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pointwise(self.depthwise(pad(x, self.border)))


class DenseBlock(nn.Module):
    """Each convolution reads the rectified sum of all before: (n, i, h, w) → (n, o, h/2, w/2)."""

    def __init__(self, inputs: int, outputs: int, *, separable: bool = True) -> None:
        super().__init__()
        self.conv0 = Convolution(inputs, outputs, 2, separable=separable)
        self.conv1 = Convolution(outputs, outputs, 1)
        self.conv2 = Convolution(outputs, outputs, 1)
        self.conv3 = Convolution(outputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = relu(self.conv0(x))
        second = first + self.conv1(first)
        third = second + self.conv2(relu(second))
        return relu(third + self.conv3(relu(third)))


class FaceNetwork(nn.Module):
    """(n, 3, 112, 112), prepared as `face_photos.prepare` does → (n, outputs)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.dense0 = DenseBlock(3, WIDTHS[0], separable=False)
        self.dense1 = DenseBlock(WIDTHS[0], WIDTHS[1])
        self.dense2 = DenseBlock(WIDTHS[1], WIDTHS[2])
        self.dense3 = DenseBlock(WIDTHS[2], WIDTHS[3])
        self.pool = nn.AvgPool2d(7, 2)
        self.fc = nn.Linear(WIDTHS[3], outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.dense3(self.dense2(self.dense1(self.dense0(x))))
        return self.fc(self.pool(features).flatten(1))


def landmarks() -> nn.Module:
    """(n, 3, 112, 112) → (n, 136): x and y of 68 points, from 0 to 1 of the side."""
    lay_out_weights()
    return FaceNetwork(2 * LANDMARKS)


def expressions() -> nn.Module:
    """(n, 3, 112, 112) → (n, 7) scores of EXPRESSIONS, before the softmax."""
    lay_out_weights()
    return FaceNetwork(len(EXPRESSIONS))
