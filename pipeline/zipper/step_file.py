"""One step of a zip in one safetensors file: what it decided and computed, to go on from.

Tensors are named `order|scales/<task>/<space>`, `constant/<task>/<name>`,
`private/<task>/<node>/<parameter>` and `block/<step>/<parameter>`; the rest is JSON beside them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from taskzip.contracts.document import Document, write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import Count, TaskName
from taskzip.contracts.zipresult import DeadInputs
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.layer_module import JointLayer, build_layer
from taskzip.pipeline.zipper.layer_spec import LayerSpec
from taskzip.pipeline.zipper.order import Order
from taskzip.pipeline.zipper.plan import GroupPlan
from taskzip.pipeline.zipper.standing import Place, Standing
from taskzip.pipeline.zipper.stored import fill, stored_tensors

_HEADER = "step"
Tensors = dict[str, torch.Tensor]


class _Place(Document):
    position: Count
    orders: dict[Count, Count]
    """Space → how many of its channels are shared."""
    layers: dict[str, LayerSpec]
    constants: tuple[str, ...]
    dead: dict[str, DeadInputs]
    shared_as_they_are: frozenset[str]
    assumed: frozenset[int]
    changed: frozenset[str]
    turned: frozenset[str]


class _Header(Document):
    format: Literal[1] = 1
    seconds: float
    places: dict[TaskName, _Place]
    plans: dict[Count, GroupPlan]
    blocks: tuple[Count, ...]
    """Which steps merged their layers."""


def write_step(path: Path, new: Standing, steps: Sequence[Step], seconds: float) -> None:
    """Write what is new and how long it took, whole or not at all; `steps` are the alignment's."""
    numbers = [steps.index(step) for step, _ in new.blocks]
    header = _Header(
        seconds=seconds,
        places={name: _described(place) for name, place in new.places.items()},
        plans=new.plans,
        blocks=tuple(numbers),
    )
    tensors: Tensors = {}
    for number, (_, layer) in zip(numbers, new.blocks, strict=True):
        tensors |= _under(f"block/{number}", stored_tensors(_together(layer)))
    for name, place in new.places.items():
        merged = {step.nodes[name] for step, _ in new.blocks}
        tensors |= _place_tensors(name, place, merged)
    data = {name: each.detach().contiguous() for name, each in tensors.items()}
    write_atomically(path, save(data, {_HEADER: header.model_dump_json()}))


def read_step(path: Path, steps: Sequence[Step]) -> tuple[Standing, float]:
    """What `write_step` wrote, and the seconds; BadInput when it cannot be read or does not fit."""
    try:
        with safe_open(path, framework="pt") as file:
            header = _Header.parse((file.metadata() or {}).get(_HEADER, ""), str(path))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        return _standing(header, tensors, steps), header.seconds
    except (OSError, SafetensorError, KeyError, IndexError) as error:
        raise BadInput(f"{path}: is no step to go on from ({error})") from error


def _described(place: Place) -> _Place:
    return _Place(
        position=place.position,
        orders={space: order.shared for space, order in place.orders.items()},
        layers={node: spec for node, (spec, _) in place.layers.items()},
        constants=tuple(place.constants),
        dead=place.dead,
        shared_as_they_are=place.shared_as_they_are,
        assumed=place.assumed,
        changed=place.changed,
        turned=place.turned,
    )


def _place_tensors(task: str, place: Place, merged: set[str]) -> Tensors:
    found: Tensors = {}
    for space, order in place.orders.items():
        found |= {f"order/{task}/{space}": order.order, f"scales/{task}/{space}": order.scales}
    for node, (_, module) in place.layers.items():
        if node not in merged:
            found |= _under(f"private/{task}/{node}", stored_tensors(module))
    return found | _under(f"constant/{task}", place.constants)


def _standing(header: _Header, tensors: Tensors, steps: Sequence[Step]) -> Standing:
    blocks = tuple(
        (steps[number], _block(header, number, tensors, steps)) for number in header.blocks
    )
    places = {}
    for name, place in header.places.items():
        merged = {step.nodes[name]: layer.tasks[name] for step, layer in blocks}
        places[name] = _place(name, place, tensors, merged)
    return Standing(places, dict(header.plans), blocks)


def _block(header: _Header, number: int, tensors: Tensors, steps: Sequence[Step]) -> JointLayer:
    nodes = steps[number].nodes
    layer = build_layer({name: each.layers[nodes[name]] for name, each in header.places.items()})
    fill(_together(layer), _below(f"block/{number}", tensors), f"block {number}", "its step")
    return layer


def _place(task: str, place: _Place, tensors: Tensors, merged: Mapping[str, nn.Module]) -> Place:
    layers = {}
    for node, spec in place.layers.items():
        module = merged.get(node)
        if module is None:
            module = build_layer({task: spec}).tasks[task]
            fill(module, _below(f"private/{task}/{node}", tensors), node, "its step")
        layers[node] = (spec, module)
    return Place(
        position=place.position,
        orders={
            space: Order(
                shared, tensors[f"order/{task}/{space}"], tensors[f"scales/{task}/{space}"]
            )
            for space, shared in place.orders.items()
        },
        layers=layers,
        constants={name: tensors[f"constant/{task}/{name}"] for name in place.constants},
        dead=place.dead,
        shared_as_they_are=place.shared_as_they_are,
        assumed=place.assumed,
        changed=place.changed,
        turned=place.turned,
    )


def _together(layer: JointLayer) -> nn.Module:
    """A block of all tasks as one module; what is shared comes once."""
    return nn.ModuleList([layer.shared or nn.Identity(), *layer.tasks.values()])


def _under(place: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    return {f"{place}/{name}": each for name, each in tensors.items()}


def _below(place: str, tensors: Tensors) -> Tensors:
    start = f"{place}/"
    return {
        name.removeprefix(start): each for name, each in tensors.items() if name.startswith(start)
    }
