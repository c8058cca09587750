"""From a Keras model to a network of torch's layers, following Keras' own graph."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from taskzip.pipeline.networks.keras_activations import activation_function, activation_layer
from taskzip.pipeline.networks.keras_call import KerasCall, Slot
from taskzip.pipeline.networks.keras_layers import LAST_AXIS, SPATIAL
from taskzip.pipeline.networks.keras_steps import (
    Added,
    Concatenated,
    StepNetwork,
    Value,
    as_keras,
    channels_first,
    flat_columns,
)
from taskzip.pipeline.networks.keras_windows import Parts, Size
from taskzip.pipeline.networks.refused import Refused


def rebuilt(model: Any) -> StepNetwork:
    """The model with layers of torch where torch has them, of Keras where not."""
    walk = _Walk()
    end = walk.through(model, Value(0, "keras", tuple(model.inputs[0].shape[1:])), "")
    walk.network.end_with(as_keras(walk.network, "output", end).position)
    return walk.network


class _Walk:
    def __init__(self) -> None:
        self.network = StepNetwork()
        self._made: dict[tuple[int, Size], Parts | None] = {}
        """By layer and size of its input: a layer that is used twice has one set of weights."""

    def through(self, model: Any, start: Value, prefix: str) -> Value:
        """Follow a model of one input and one output, with those inside it."""
        import keras  # noqa: PLC0415  # an extra

        graph = keras.Model(model.inputs[0], model.outputs[0])
        known = {id(graph.inputs[0]): start}
        kept = []  # so that no id is given twice

        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            inputs = [each for each in keras.tree.flatten((args, kwargs)) if id(each) in known]
            slots = {id(each): Slot(index) for index, each in enumerate(inputs)}
            places, named = keras.tree.map_structure(
                lambda leaf: slots.get(id(leaf), leaf), (args, kwargs)
            )
            result = layer(*args, **kwargs)
            values = [known[id(each)] for each in inputs]
            known[id(result)] = self._layer(layer, values, (places, named), prefix, result)
            kept.append((inputs, result))
            return result

        copy = keras.models.clone_model(
            graph,
            input_tensors=graph.input,
            clone_function=lambda layer: layer,
            call_function=call,
        )
        return known[id(copy.outputs[0])]

    def _layer(
        self, layer: Any, values: Sequence[Value], call: Any, prefix: str, result: Any
    ) -> Value:
        name = f"{prefix}{layer.name}"
        if isinstance(result, (list, tuple, dict)) or None in result.shape[1:]:
            raise Refused(
                f"layer {name} ({type(layer).__name__}) gives more than one tensor or one of "
                "open size; save a network of one output and fixed sizes"
            )
        if hasattr(layer, "layers") and len(values) == 1:
            return self.through(layer, values[0], f"{name}_")
        size = tuple(result.shape[1:])
        found = self._one_input(name, layer, values[0], size) if len(values) == 1 else None
        return (
            found
            or self._joined(name, layer, values, size)
            or self._called(name, layer, values, call, size)
        )

    def _one_input(self, name: str, layer: Any, value: Value, size: Size) -> Value | None:
        kind = type(layer).__name__
        module = activation_layer(layer)
        if module is not None:
            return self._elementwise(name, module, value)
        if kind == "Flatten":
            return self._flattened(name, layer, value, size)
        if kind in LAST_AXIS:
            found = self._last_axis(name, layer, value, size)
        else:
            found = self._spatial(name, layer, value, size)
        if found is None or not hasattr(layer, "activation"):
            return found
        return self._activated(name, layer.activation, found)

    def _elementwise(self, name: str, module: nn.Module, value: Value) -> Value:
        if isinstance(module, nn.Identity):
            return value
        return replace(value, position=self.network.append(name, module, [value.position]))

    def _activated(self, name: str, function: Any, value: Value) -> Value:
        module = activation_function(function)
        if module is not None:
            return self._elementwise(f"{name}_activation", module, value)
        value = as_keras(self.network, name, value)
        return self._elementwise(f"{name}_activation", KerasCall(function, (Slot(0),), {}), value)

    def _flattened(self, name: str, layer: Any, value: Value, size: Size) -> Value:
        if value.order == "flat":
            return value
        position = self.network.append(name, nn.Flatten(), [value.position])
        if value.order == "channels_first":
            return Value(position, "flat", value.size)
        return Value(position, "keras", size)

    def _last_axis(self, name: str, layer: Any, value: Value, size: Size) -> Value | None:
        columns = flat_columns(value) if value.order == "flat" else None
        if columns is None or type(layer).__name__ != "Dense":
            columns, value = None, as_keras(self.network, name, value)
        key = value.size if columns is not None else ()
        parts = self._once(layer, key, lambda: LAST_AXIS[type(layer).__name__](layer, columns))
        if parts is None:
            return None
        ((_, module),) = parts
        return Value(self.network.append(name, module, [value.position]), "keras", size)

    def _once(self, layer: Any, size: Size, make: Callable[[], Parts | None]) -> Parts | None:
        key = (id(layer), size)
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _spatial(self, name: str, layer: Any, value: Value, size: Size) -> Value | None:
        convert = SPATIAL.get(type(layer).__name__)
        if convert is None or getattr(layer, "data_format", "channels_last") != "channels_last":
            return None
        before = value.size if value.order != "flat" else size
        parts = self._once(layer, before, lambda: convert(layer, before))
        if parts is None:
            return None
        order = channels_first if len(before) > 1 else as_keras
        position = order(self.network, name, value).position
        for suffix, module in parts:
            position = self.network.append(f"{name}{suffix}", module, [position])
        return Value(position, "channels_first" if len(size) > 1 else "keras", size)

    def _joined(self, name: str, layer: Any, values: Sequence[Value], size: Size) -> Value | None:
        kind = type(layer).__name__
        if kind not in ("Add", "Concatenate") or not hasattr(layer, "supports_masking"):
            return None
        alike = len({(value.order, len(value.size)) for value in values}) == 1
        if not alike or values[0].order == "flat":
            values = [as_keras(self.network, f"{name}_{i}", each) for i, each in enumerate(values)]
        order = values[0].order
        if kind == "Add":
            module: nn.Module = Added()
        elif layer.axis in (-1, len(size)):
            module = Concatenated(1 if order == "channels_first" else len(size))
        else:
            return None
        return Value(
            self.network.append(name, module, [value.position for value in values]), order, size
        )

    def _called(
        self, name: str, layer: Any, values: Sequence[Value], call: Any, size: Size
    ) -> Value:
        ready = [as_keras(self.network, f"{name}_{i}", each) for i, each in enumerate(values)]
        module = KerasCall(layer, *call)
        return Value(
            self.network.append(name, module, [each.position for each in ready]), "keras", size
        )
