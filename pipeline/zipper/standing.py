"""How far a zip is: what was decided and computed for the layers that were passed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import nn

from taskzip.contracts.zipresult import DeadInputs
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.layer_module import JointLayer
from taskzip.pipeline.zipper.layer_spec import LayerSpec
from taskzip.pipeline.zipper.order import Order
from taskzip.pipeline.zipper.plan import GroupPlan


@dataclass(frozen=True)
class Place:
    """Where one task stands in its graph."""

    position: int
    """How many nodes it has passed."""
    orders: dict[int, Order]
    """Of the spaces that were decided."""
    layers: dict[str, tuple[LayerSpec, nn.Module]]
    """What stands for the layers that were passed, by their nodes."""
    constants: dict[str, torch.Tensor]
    """Those that were brought into another order."""
    dead: dict[str, DeadInputs] = field(default_factory=dict)
    """Layers with inputs that calibration data leave at 0."""
    shared_as_they_are: frozenset[str] = frozenset()
    assumed: frozenset[int] = frozenset()
    changed: frozenset[str] = frozenset()
    turned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Standing:
    """Where all tasks stand; of a later one, `since` gives what is new and `then` adds it again."""

    places: dict[str, Place]
    plans: dict[int, GroupPlan]
    blocks: tuple[tuple[Step, JointLayer], ...]

    def since(self, earlier: "Standing") -> "Standing":
        """What this one has and the earlier has not."""
        return Standing(
            {name: _less(place, earlier.places[name]) for name, place in self.places.items()},
            {key: plan for key, plan in self.plans.items() if earlier.plans.get(key) != plan},
            self.blocks[len(earlier.blocks) :],
        )

    def then(self, new: "Standing") -> "Standing":
        """Both; what is new replaces what was."""
        return Standing(
            {name: _more(place, new.places[name]) for name, place in self.places.items()},
            self.plans | new.plans,
            self.blocks + new.blocks,
        )

    def with_networks(
        self,
        layers: Mapping[str, dict[str, tuple[LayerSpec, nn.Module]]],
        constants: Mapping[str, dict[str, torch.Tensor]],
    ) -> "Standing":
        """This one, with what stands for each task's layers and constants, also those to come."""
        places = {
            name: replace(place, layers=dict(layers[name]), constants=dict(constants[name]))
            for name, place in self.places.items()
        }
        return replace(self, places=places)


def _less(place: Place, earlier: Place) -> Place:
    return Place(place.position, **{n: _without(a, b) for n, a, b in _grown(place, earlier)})


def _more(place: Place, new: Place) -> Place:
    return Place(new.position, **{name: a | b for name, a, b in _grown(place, new)})


def _grown(one: Place, other: Place) -> list[tuple[str, Any, Any]]:
    """All fields but the position: they only ever grow."""
    names = [each.name for each in fields(Place) if each.name != "position"]
    return [(name, getattr(one, name), getattr(other, name)) for name in names]


def _without(mine: Any, theirs: Any) -> Any:
    if isinstance(mine, Mapping):
        return {key: value for key, value in mine.items() if key not in theirs}
    return mine - theirs
