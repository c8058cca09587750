"""A zip that goes on from a joint network that was trained half-way.

The layers to come are the trained ones, and what was zipped so far counts as the original: its
channels already lie in the joint order.
"""

from dataclasses import replace
from typing import Any

from torch import nn

from taskzip.pipeline.graph.channels import Channels, find_channels
from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.zipper.blocks import plain
from taskzip.pipeline.zipper.methods.method import Scene
from taskzip.pipeline.zipper.order import Order
from taskzip.pipeline.zipper.standing import Place, Standing


def renewed(scene: Scene, whole: Standing) -> tuple[Scene, Standing]:
    """The networks as `whole` has them, and where their zip stands.

    `whole` has what stands for every layer, also for those that were not passed.
    """
    networks = {name: _network(scene.networks[name], place) for name, place in whole.places.items()}
    places = {name: _place(networks[name], place) for name, place in whole.places.items()}
    return replace(scene, networks=networks), replace(whole, places=places)


def _network(channels: Channels, place: Place) -> Channels:
    graph = channels.graph
    layers = {
        node: _with_weights_of(layer, place.layers[node][1]) for node, layer in graph.layers.items()
    }
    return find_channels(replace(graph, layers=layers, constants=graph.constants | place.constants))


def _with_weights_of(layer: Layer, module: nn.Module) -> Layer:
    held: Any = plain(module)
    bias = None if held.bias is None else held.bias.detach()
    return replace(layer, weight=held.weight.detach(), bias=bias)


def _place(channels: Channels, place: Place) -> Place:
    """Nothing differs from the network any more, and nothing is to be reordered."""
    passed = {node.name for node in channels.graph.nodes[: place.position]}
    return replace(
        place,
        orders={
            space: Order.original(len(each.order), each.shared)
            for space, each in place.orders.items()
        },
        layers={node: each for node, each in place.layers.items() if node in passed},
        constants={},
        changed=frozenset(),
    )
