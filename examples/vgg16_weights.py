"""Make the weights of `vgg16_pair.toml`: `python examples/vgg16_weights.py` (0.54 GB each).

They are random and have learned nothing. Both networks are noisy copies of one, He-initialised (He
et al., ICCV 2015), as two fine-tuned from one ancestor would be, and each has its hidden channels
in an order of its own. The seeds are fixed.
"""

import math
from typing import Annotated

import torch
import typer
from rich.console import Console
from torch import nn
from vgg import vgg16
from vgg16_pair import CLASSES
from weight_files import RANDOM, save_weights

ANCESTOR_SEED = 0
LIKENESS = 0.9
"""Correlation of each weight with the ancestor's."""


def main(
    again: Annotated[bool, typer.Option("--again", help="Also what is there.")] = False,
) -> None:
    """Make the weights that are missing."""
    console = Console(stderr=True)
    for seed, (task, classes) in enumerate(CLASSES.items(), start=1):
        path = RANDOM / f"vgg16_{task}.safetensors"
        if again or not path.is_file():
            save_weights(path, descendant(vgg16(classes), seed).state_dict())
        console.print(f"{path}", highlight=False)


@torch.no_grad()
def descendant(network: nn.Sequential, seed: int) -> nn.Sequential:
    """The network, filled; two with different seeds are alike but for noise and order."""
    ancestor = torch.Generator().manual_seed(ANCESTOR_SEED)
    own = torch.Generator().manual_seed(seed)
    layers = [each for each in network if isinstance(each, (nn.Conv2d, nn.Linear))]
    order = torch.arange(layers[0].weight.shape[1])
    for layer in layers:
        is_head = layer is layers[-1]
        _fill(layer, own if is_head else ancestor, own)
        columns = layer.weight.unflatten(1, (len(order), -1))
        layer.weight.copy_(columns[:, order].reshape(layer.weight.shape))
        if not is_head:
            order = torch.randperm(len(layer.weight), generator=own)
            layer.weight.copy_(layer.weight[order])
    return network


def _fill(layer: nn.Conv2d | nn.Linear, common: torch.Generator, own: torch.Generator) -> None:
    """Weights of variance 2 / inputs, of which LIKENESS² from `common`; no bias."""
    deviation = math.sqrt(2 / layer.weight[0].numel())
    noise = torch.empty_like(layer.weight).normal_(generator=own)
    layer.weight.normal_(generator=common).mul_(LIKENESS * deviation)
    layer.weight.add_(noise, alpha=math.sqrt(1 - LIKENESS**2) * deviation)
    layer.bias.zero_()


if __name__ == "__main__":
    typer.run(main)
