"""The LeNets whose weights were pruned; building one lays out dense copies of the weights."""

import lenet
from torch import nn
from weight_files import unpack_weights


def lenet5() -> nn.Module:
    """LeNet-5: (n, 1, 28, 28) → (n, 10) class scores; weights in `weights/unpacked/`."""
    unpack_weights()
    return lenet.lenet5()


def lenet300() -> nn.Module:
    """LeNet-300-100: (n, 1, 28, 28) → (n, 10) class scores; weights in `weights/unpacked/`."""
    unpack_weights()
    return lenet.lenet300()
