"""Entries of 0 for tasks that another one hosts, in the places that their outputs ask for most.

A shared number w matters to a task by E (∂ℓ/∂w)², ℓ = ‖answer − original's answer‖² of a few
inputs: the diagonal of the empirical Fisher information, as in the FISH mask (Sung, Nair, Raffel,
*Training Neural Networks with Fixed Sparse Masks*, NeurIPS 2021).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import cast

import torch
from torch import nn

from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.joint import JointNetwork, Placed, TaskNetwork, TaskSpec, unfilled
from taskzip.pipeline.zipper.sparse_layer import SummedLayer

PART_IMAGES = 8
"""Whose mean gradient is squared: one at a time would take a pass each."""
MOST_PARTS = 256
"""The first so many parts of the calibration data are looked at."""

Places = Mapping[int, torch.Tensor]
"""By block, ascending places (k,) among its weights."""


def with_entries(joint: JointNetwork, tasks: Sequence[Task], density: float) -> JointNetwork:
    """The network in which all tasks but the first have entries, as many as `density` of all tasks.

    It computes the same.
    """
    blocks = _dense_blocks(joint)
    size = sum(each.numel() for each in blocks.values())
    count = round(density * len(tasks) * size / (len(tasks) - 1))
    chosen = {task.name: _chosen(joint, task, blocks, min(count, size)) for task in tasks[1:]}
    return _with_places(joint, chosen)


def _dense_blocks(joint: JointNetwork) -> dict[int, nn.Parameter]:
    """Weights that are stored once, by block, without those of layers in groups."""
    return {
        placed.block: joint.shared[placed.block].get_parameter("weight")
        for placed in next(iter(joint.spec.tasks.values())).layers.values()
        if placed.block is not None and not placed.spec.is_grouped
    }


def _chosen(
    joint: JointNetwork, task: Task, blocks: Mapping[int, nn.Parameter], count: int
) -> Places:
    """The `count` places of most importance to the task, over all blocks."""
    importance = torch.cat([each.flatten() for each in _importance(joint, task, blocks)])
    is_chosen = torch.zeros(len(importance), dtype=torch.bool)
    is_chosen[importance.topk(count).indices] = True
    parts = is_chosen.split([each.numel() for each in blocks.values()])
    return {block: part.nonzero().flatten() for block, part in zip(blocks, parts, strict=True)}


def _importance(
    joint: JointNetwork, task: Task, blocks: Mapping[int, nn.Parameter]
) -> list[torch.Tensor]:
    """Σ over parts (∂ℓ/∂w)² of each block's weights, float64."""
    network, weights = joint.task(task.name), list(blocks.values())
    sums = [torch.zeros(each.shape, dtype=torch.float64) for each in weights]
    for x in islice(_parts(task), MOST_PARTS):
        with torch.no_grad():
            wanted = task.network(x)
        with torch.enable_grad():
            loss = (network(x) - wanted).square().mean()
        found = torch.autograd.grad(loss, weights, allow_unused=True)
        for each, gradient in zip(sums, found, strict=True):
            if gradient is not None:
                each.add_(gradient.double().square())
    return sums


def _parts(task: Task) -> Iterator[torch.Tensor]:
    for batch in task.calibration():
        yield from batch.split(PART_IMAGES)


def _with_places(joint: JointNetwork, chosen: Mapping[str, Places]) -> JointNetwork:
    tasks = {
        name: _grown(task, chosen[name]) if name in chosen else task
        for name, task in joint.spec.tasks.items()
    }
    network = unfilled(joint.spec.model_copy(update={"tasks": tasks}))
    with torch.no_grad():
        for name, parameter in joint.named_parameters():
            network.get_parameter(name).copy_(parameter)
        for name, buffer in joint.named_buffers():
            network.get_buffer(name).copy_(buffer)
    for name, places in chosen.items():
        _fill(cast(TaskNetwork, network.task(name)), tasks[name], places)
    return network


def _grown(task: TaskSpec, places: Places) -> TaskSpec:
    """The task with so many entries in each layer that uses a block."""
    layers = dict(task.layers)
    for node, placed in task.layers.items():
        if placed.block is not None and len(places.get(placed.block, ())):
            spec = placed.spec.model_copy(update={"added": len(places[placed.block])})
            layers[node] = Placed(spec=spec, block=placed.block)
    return task.model_copy(update={"layers": layers})


def _fill(network: TaskNetwork, task: TaskSpec, places: Places) -> None:
    for node, placed in task.layers.items():
        for each in network.layer(node).modules():
            if isinstance(each, SummedLayer) and placed.block is not None:
                found = places[placed.block]
                each.added.fill(found, torch.zeros(len(found)))
