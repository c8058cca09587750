"""Where one task stands while it is zipped: the layers before are merged, the coming one is not.

Letters: N outputs, P inputs of an output with the bias's constant 1.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.zipresult import DeadInputs
from taskzip.pipeline.graph.channels import Channels
from taskzip.pipeline.graph.graph import Graph
from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.graph.node import LAYER, Node, run_node
from taskzip.pipeline.zipper.apply import TaskLayer, private_layer
from taskzip.pipeline.zipper.depthwise import ChannelMoments, gather_channels
from taskzip.pipeline.zipper.finite import INPUT, NotFinite
from taskzip.pipeline.zipper.gather import Moments, gather
from taskzip.pipeline.zipper.handover import Passage, handover
from taskzip.pipeline.zipper.layer_spec import LayerSpec
from taskzip.pipeline.zipper.masks import refit
from taskzip.pipeline.zipper.order import Inputs, Order
from taskzip.pipeline.zipper.ready import Ready
from taskzip.pipeline.zipper.reconstruct import Side
from taskzip.pipeline.zipper.rows import channel_rows, layer_rows
from taskzip.pipeline.zipper.standing import Place
from taskzip.pipeline.zipper.stream import Compute, Pairs, Stage, Stream
from taskzip.pipeline.zipper.turned import turned

PrivateLayer = tuple[LayerSpec, nn.Module]
NOT_HOSTED: Mapping[str, PrivateLayer] = {}
_RELU = "aten.relu.default"


class Frontier:
    """A task's place; `reach`, `prepare` and `pass_layer` take it from layer to layer."""

    def __init__(
        self, name: str, channels: Channels, config: ZipConfig, stream: Stream, weight: float = 1.0
    ) -> None:
        """`stream` is at the network's input."""
        self.name = name
        self.channels = channels
        self.layers: dict[str, tuple[LayerSpec, nn.Module]] = {}
        self.constants = dict(channels.graph.constants)
        self._config = config
        self._weight = weight
        self._orders: dict[int, Order] = {}
        self._shared_as_they_are: set[str] = set()
        self._assumed: set[int] = set()
        self._changed: set[str] = set()
        self._turned: set[str] = set()
        self._dead: dict[str, DeadInputs] = {}
        self._position = 0
        self._stream = stream
        self._last_use = _last_uses(self.graph)

    @property
    def graph(self) -> Graph:
        """The original network."""
        return self.channels.graph

    @property
    def place(self) -> Place:
        """All that was decided and computed so far."""
        return Place(
            position=self._position,
            orders=dict(self._orders),
            layers=dict(self.layers),
            constants={n: v for n, v in self.constants.items() if self._is_turned(n)},
            dead=dict(self._dead),
            shared_as_they_are=frozenset(self._shared_as_they_are),
            assumed=frozenset(self._assumed),
            changed=frozenset(self._changed),
            turned=frozenset(self._turned),
        )

    def go_to(self, place: Place) -> None:
        """Stand where another frontier of the same network and config stood; from the input on."""
        self._orders = dict(place.orders)
        self.layers = dict(place.layers)
        self.constants |= place.constants
        self._dead = dict(place.dead)
        self._shared_as_they_are = set(place.shared_as_they_are)
        self._assumed = set(place.assumed)
        self._changed = set(place.changed)
        self._turned = set(place.turned)
        for node in self.graph.nodes[: place.position]:
            self._pass_again(node)

    def share_as_it_is(self, value: str) -> None:
        """Count a value whose features cannot be reordered as shared, each with its like."""
        self._shared_as_they_are.add(value)

    def has_assumed(self, space: int) -> bool:
        """Whether something that was passed takes a space's channels as they were."""
        return space in self._assumed

    def set_order(self, space: int, order: Order) -> None:
        """Decide how a space's channels lie; before the first layer that writes it is passed."""
        self._orders[space] = order

    def order(self, space: int) -> Order | None:
        """What was decided."""
        return self._orders.get(space)

    def inputs(self, node: str) -> Inputs:
        """What a layer reads."""
        source = self.source(node)
        segments = self.channels.segments(source)
        if segments is None:
            layer = self.graph.layers[node]
            features = self.graph.shapes[source][layer.axis]
            shared = features if source in self._shared_as_they_are else 0
            return Inputs(((Order.original(features, shared), 1),))
        return Inputs(
            tuple((self._order_of(each.space, each.channels), each.columns) for each in segments)
        )

    def source(self, node: str) -> str:
        """The value that a layer reads."""
        return self._node(node).inputs[0]

    def pairs(self, value: str) -> Pairs:
        """A value that is alive, in the original and in the merged network."""
        return self._stream.pairs(value)

    def reach(self, node: str | None, hosted: Mapping[str, PrivateLayer] = NOT_HOSTED) -> None:
        """Pass everything before a layer, None: the rest; other layers on the way stay private.

        Those in `hosted` begin as these, which are another task's.
        """
        while self._position < len(self.graph.nodes):
            coming = self.graph.nodes[self._position]
            if coming.name == node:
                return
            if coming.name in hosted:
                spec, module = hosted[coming.name]
                name = self.graph.layers[coming.name].name
                named = spec.model_copy(update={"name": name})
                self.pass_layer(coming.name, named, copy.deepcopy(module), differs=True)
            elif coming.op == LAYER:
                self._pass_private(coming)
            else:
                self._pass_operator(coming)

    def prepare(self, node: str, inputs: Inputs, shares: bool) -> Ready:
        """The coming layer, refitted if anything before it was merged and the config says so."""
        layer = self.graph.layers[node]
        weights = turned(layer, inputs)
        solves = bool(self._config.refit) and self.source(node) in self._changed
        if not solves and not shares:
            part = TaskLayer(layer, inputs, weights, layer.bias is not None)
            return Ready(part, None, self._weight)
        moments = self._gather(node, layer, inputs)
        self._note_dead(node, layer, moments, shares)
        if solves:
            weights = refit(moments, weights, self._config.refit_ridge)
        part = TaskLayer(layer, inputs, weights, layer.bias is not None or solves)
        return Ready(part, moments, self._weight)

    def pass_layer(self, node: str, spec: LayerSpec, module: nn.Module, differs: bool) -> None:
        """Go on behind the coming layer, which is `module` now; `differs` from the original."""
        self.layers[node] = (spec, module)
        original = self.graph.modules[node]
        source = self.source(node)
        before = _call(original, source)
        after = _call(module, source) if differs or source in self._changed else before
        self._advance(self._node(node), before, after, differs)

    def pass_unshared(self, node: str, ready: Ready, order: Order) -> None:
        """Go on behind the coming layer, which shares nothing."""
        spec, module = private_layer(ready.part, order)
        solved = self._config.refit and self.source(node) in self._changed
        self.pass_layer(node, spec, module, solved or not order.is_original)

    def side(self, node: str, module: nn.Module, order: Order) -> Side | None:
        """The coming layer, merged into `module`, and how the next one reads it, if one does."""
        found = handover(self.channels, node)
        if found is None:
            return None
        reader = self.graph.layers[found.reader]
        inputs = Inputs(((order, found.columns),))
        weights = turned(reader, inputs)[:, :-1].reshape(reader.weight.shape).float()
        turned_reader = replace(reader, weight=weights).module()
        return Side(
            inputs=self.pairs(self.source(node)),
            original=Passage(
                self.graph.modules[node], found.nodes, self.graph.modules[found.reader]
            ),
            merged=Passage(module, found.nodes, turned_reader),
            weight=self._weight,
        )

    def _order_of(self, space: int, channels: int) -> Order:
        if space not in self._orders:
            self._assumed.add(space)
            return Order.original(channels)
        return self._orders[space]

    def _note_dead(
        self, node: str, layer: Layer, moments: Moments | ChannelMoments, shares: bool
    ) -> None:
        """Remember inputs that are always 0, and the damping that stands in for them."""
        if not moments.dead_inputs:
            return
        fraction = self._config.damping if shares else self._config.refit_ridge
        self._dead[node] = DeadInputs(
            task=self.name,
            layer=layer.name,
            dead=moments.dead_inputs,
            of=moments.size,
            damping=moments.damping(fraction),
        )

    def _gather(self, node: str, layer: Layer, inputs: Inputs) -> Moments | ChannelMoments:
        try:
            return self._moments(node, layer, inputs)
        except NotFinite as error:
            raise BadInput(
                f"task {self.name}: layer {layer.name!r}: {error}; {self._way_out(node, error)}"
            ) from error

    def _way_out(self, node: str, error: NotFinite) -> str:
        """Whose numbers are not finite, and what to do about it."""
        pairs = self.pairs(self.source(node))
        if error.what == INPUT and all(bool(x.isfinite().all()) for x, _ in pairs):
            return (
                "the original network stays finite here, so merging the layers before it made it: "
                "share less of them (zip.share) or raise zip.damping"
            )
        return (
            "the task's own network leaves the range of float32 here: is the calibration data "
            "scaled as in training?"
        )

    def _moments(self, node: str, layer: Layer, inputs: Inputs) -> Moments | ChannelMoments:
        pairs, seed = self.pairs(self.source(node)), self._config.seed + self._position
        if layer.is_grouped:
            # Channels of the merged network in the original order, to stand beside the originals.
            return gather_channels(
                channel_rows(layer, self._in_original_order(pairs, inputs), seed)
            )
        return gather(layer_rows(layer, pairs, seed), layer.row_size)

    def _in_original_order(self, pairs: Pairs, inputs: Inputs) -> Any:
        back = torch.argsort(inputs.index)
        for original, merged in pairs:
            yield original, original if original is merged else merged[:, back]

    def _pass_private(self, node: Node) -> None:
        ready = self.prepare(node.name, self.inputs(node.name).private(), shares=False)
        layer = self.graph.layers[node.name]
        order = self._order_of(self.channels.space_of(node.name), layer.channels)
        self.pass_unshared(node.name, ready, order)

    def _pass_operator(self, node: Node) -> None:
        turned_constants = self._turn_constants(node)
        before = _run(node, self.graph.constants)
        after = _run(node, self.constants) if turned_constants else before
        self._advance(node, before, after, turned_constants)

    def _pass_again(self, node: Node) -> None:
        """Pass a node of which it is known whether it differs from the original."""
        if node.op == LAYER:
            source = self.source(node.name)
            before = _call(self.graph.modules[node.name], source)
            differs = node.name in self._changed
            after = _call(self.layers[node.name][1], source) if differs else before
        else:
            before = _run(node, self.graph.constants)
            differs = any(self._is_turned(name) for name in node.constants)
            after = _run(node, self.constants) if differs else before
        self._advance(node, before, after, differs)

    def _is_turned(self, constant: str) -> bool:
        return self.constants[constant] is not self.graph.constants[constant]

    def _turn_constants(self, node: Node) -> bool:
        """Bring constants with a number per channel into the joint order."""
        turned_any = False
        for name in node.constants:
            if name not in self.channels.constant_axes or name in self._turned:
                continue
            self._turned.add(name)
            axis, view = self.channels.constant_axes[name]
            segments = tuple(
                (self._order_of(self.channels.root(each.space), each.channels), each.columns)
                for each in view.segments
            )
            if all(order.is_original for order, _ in segments):
                continue
            index = Inputs(segments).index
            self.constants[name] = self.graph.constants[name].index_select(axis, index).contiguous()
            turned_any = True
        return turned_any

    def _advance(self, node: Node, before: Compute, after: Compute, differs: bool) -> None:
        self._position += 1
        if differs or self._changed.intersection(node.inputs):
            self._changed.add(node.name)
        done = tuple(name for name, last in self._last_use.items() if last == node.name)
        over = _relu_over(node.inputs[0]) if self._can_overwrite(node, done) else None
        self._stream.advance([Stage(node.name, node.inputs, before, after, done, over)])

    def _can_overwrite(self, node: Node, done_with: tuple[str, ...]) -> bool:
        """Whether it is a ReLU of what a layer gives to it alone."""
        return node.op == _RELU and all(
            each in self.graph.layers and each in done_with for each in node.inputs
        )

    def _node(self, name: str) -> Node:
        return next(node for node in self.graph.nodes if node.name == name)


def _call(module: nn.Module, source: str) -> Compute:
    return lambda values: module(values[source])


def _relu_over(source: str) -> Compute:
    return lambda values: values[source].relu_()


def _run(node: Node, constants: Mapping[str, torch.Tensor]) -> Compute:
    return lambda values: run_node(node, values, constants)


def _last_uses(graph: Graph) -> dict[str, str]:
    """Value → the last node that takes it; values that leave the network are not listed."""
    return {
        name: node.name for node in graph.nodes for name in node.inputs if name not in graph.outputs
    }
