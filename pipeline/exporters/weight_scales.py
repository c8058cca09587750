"""Networks that PT2E observes, told how to round weights of which tasks hold the same parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch

from taskzip.pipeline.exporters.rounded_recipes import LARGEST, in_int8
from taskzip.pipeline.recipe import Copy, Recipe

Recipes = Mapping[str, Recipe]
"""By the parameter's name."""


@dataclass(frozen=True)
class _Weight:
    """Of a network, to be rounded."""

    network: int
    name: str
    tensor: torch.Tensor
    observers: tuple[Any, ...]


def rounded_together(
    recipes: Sequence[Recipes], networks: Sequence[torch.fx.GraphModule]
) -> list[dict[str, Recipe]]:
    """The recipes of each network, in int8 where its weights will be, as `networks` now say.

    Weights that have no recipe may be parts of those that have one.
    """
    found = [dict(each) for each in recipes]
    weights = [
        weight for index, each in enumerate(networks) for weight in _observed_weights(each, index)
    ]
    if not any(found):
        return found
    rounded = in_int8([_recipe(weight, found[weight.network]) for weight in weights])
    for weight, int8 in zip(weights, rounded, strict=True):
        weight.tensor.data = int8.weights()
        for observer in weight.observers:
            _set_scales(observer, int8.scales)
        if weight.name in found[weight.network]:
            found[weight.network][weight.name] = int8.recipe
    return found


def _recipe(weight: _Weight, recipes: Recipes) -> Recipe:
    whole = weight.tensor.detach()
    return recipes.get(weight.name) or Recipe(tuple(whole.shape), (Copy(whole, 0, 0),))


def _observed_weights(network: torch.fx.GraphModule, index: int) -> list[_Weight]:
    from torchao.quantization.pt2e.observer import (  # noqa: PLC0415  # slow to import
        PerChannelMinMaxObserver,
    )

    found = []
    for node in network.graph.nodes:
        users = [network.get_submodule(u.target) for u in node.users if u.op == "call_module"]
        observers = tuple(each for each in users if isinstance(each, PerChannelMinMaxObserver))
        if node.op == "get_attr" and observers:
            tensor = attrgetter(node.target)(network)
            found.append(_Weight(index, node.target, tensor, observers))
    return found


def _set_scales(observer: Any, scales: torch.Tensor) -> None:
    observer.eps.fill_(torch.finfo(torch.float32).tiny)
    observer.max_val = scales * LARGEST
    observer.min_val = -observer.max_val
