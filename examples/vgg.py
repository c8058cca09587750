"""VGG-16 (Simonyan and Zisserman, ICLR 2015, configuration D): 138 million weights."""

from torch import nn

CONVOLUTIONS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels, block by block; a pooling that halves height and width ends each block."""
FEATURES = 4096
IMAGE_SIZE = 224


def vgg16(classes: int, narrower: int = 1, image_size: int = IMAGE_SIZE) -> nn.Sequential:
    """13 convolutions and 3 linear layers: (n, 3, s, s) → (n, classes) scores, s = `image_size`.

    `narrower` divides the width of every hidden layer.
    """
    layers: list[nn.Module] = []
    channels = 3
    for block in CONVOLUTIONS:
        for width in (each // narrower for each in block):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    features = channels * (image_size // 2 ** len(CONVOLUTIONS)) ** 2
    for width in (FEATURES // narrower,) * 2:
        layers += [nn.Linear(features, width), nn.ReLU(), nn.Dropout()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, classes))
