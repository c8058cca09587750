"""A task's network in two parts: what lies before the first layer that it shares, and the rest.

The front stays as it is, so that a training computes it once instead of in each iteration.
"""

from typing import Any

import torch
from torch import nn

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.graph.node import LAYER, named
from taskzip.pipeline.zipper.joint import TaskNetwork, TaskSpec


class Front(nn.Module):
    """(n, …) → the one value that the rest needs, (n, …)."""

    def __init__(self, network: TaskNetwork, position: int) -> None:
        """The nodes up to `position`, after which one value is needed."""
        super().__init__()
        self._network = [network]  # no submodule: only these layers are the front's
        self._nodes = network.spec.nodes[:position]
        (self._value,) = _tensors_needed(network.spec, position)
        self.layers = nn.ModuleList(
            network.layer(each.name) for each in self._nodes if each.op == LAYER
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the front."""
        (network,) = self._network
        values: dict[str, Any] = {network.spec.input: x}
        network.run(self._nodes, values)
        found: torch.Tensor = values[self._value]
        return found


class Rest(nn.Module):
    """What the front gave, (n, …) → what the network answers."""

    def __init__(self, network: TaskNetwork, position: int) -> None:
        """The nodes from `position` on."""
        super().__init__()
        self.network = network
        self._nodes = network.spec.nodes[position:]
        (self._value,) = _tensors_needed(network.spec, position)
        self._counts = [each.name for each in network.spec.nodes[:position] if each.counts_images]

    def forward(self, x: torch.Tensor) -> Any:
        """Run the rest."""
        values: dict[str, Any] = {self._value: x, **dict.fromkeys(self._counts, len(x))}
        self.network.run(self._nodes, values)
        return self.network.answer(values)


def parted(network: TaskNetwork) -> tuple[Front, Rest]:
    """Cut as near before the first shared layer as one value is all that goes on."""
    nodes = network.spec.nodes
    shared = (
        index
        for index, node in enumerate(nodes)
        if node.op == LAYER and network.spec.layers[node.name].block is not None
    )
    position = next(shared, 0)
    while len(_tensors_needed(network.spec, position)) > 1:
        position -= 1
    return Front(network, position), Rest(network, position)


@torch.no_grad()
def refuse_mixed_inputs(front: Front, inputs: torch.Tensor, task: str) -> None:
    """BadInput unless the front gives one row for each of `inputs` (n, …), in their order."""
    for part in (inputs[:1], torch.cat([inputs[:1], inputs[:1]])):
        given = front(part)
        if not isinstance(given, torch.Tensor) or given.dim() == 0 or len(given) != len(part):
            raise BadInput(
                f"task {task}: what goes on before the first shared layer is not one row for each "
                "input (sequences first?), so it cannot be computed once; leave out "
                "retrain.frozen_front"
            )


def _tensors_needed(spec: TaskSpec, position: int) -> set[str]:
    """Values from before `position` that are needed from there on."""
    needed = {name for each in spec.nodes[position:] for name in each.inputs}
    needed |= set(named("ref", spec.output))
    before = (each.name for each in spec.nodes[:position] if not each.counts_images)
    return needed & {spec.input, *before}
