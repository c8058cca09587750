"""The joint network, put together from what every task has passed."""

from collections.abc import Mapping, Sequence

from torch import nn

from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.frontier import Frontier
from taskzip.pipeline.zipper.joint import (
    ConstantSpec,
    JointNetwork,
    JointSpec,
    Placed,
    TaskSpec,
)
from taskzip.pipeline.zipper.layer_module import JointLayer


def assemble(
    frontiers: Mapping[str, Frontier], steps: Sequence[tuple[Step, JointLayer]]
) -> JointNetwork:
    """Blocks are numbered by their steps; all other layers are private."""
    blocks = [layer for _, layer in steps]
    tasks: dict[str, TaskSpec] = {}
    private: dict[str, dict[str, nn.Module]] = {}
    for name, frontier in frontiers.items():
        numbers = {step.nodes[name]: index for index, (step, _) in enumerate(steps)}
        tasks[name] = _task(frontier, numbers)
        private[name] = {
            node: module for node, (_, module) in frontier.layers.items() if node not in numbers
        }
    constants = {name: frontier.constants for name, frontier in frontiers.items()}
    return JointNetwork(JointSpec(tasks=tasks), blocks, private, constants)


def _task(frontier: Frontier, blocks: Mapping[str, int]) -> TaskSpec:
    graph = frontier.graph
    return TaskSpec(
        input=graph.input,
        nodes=graph.nodes,
        output=graph.output,
        layers={
            node: Placed(spec=spec, block=blocks.get(node))
            for node, (spec, _) in frontier.layers.items()
        },
        constants={
            name: ConstantSpec(
                shape=tuple(value.shape), dtype=str(value.dtype).removeprefix("torch.")
            )
            for name, value in frontier.constants.items()
        },
    )
