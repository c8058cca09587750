"""Separate networks in, one joint network out."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipresult import Parameters, ZippedLayer
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.align import align
from taskzip.pipeline.zipper.chain import Chain
from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.mtz import zip_by_mtz
from taskzip.pipeline.zipper.plan import Plan, shared_counts
from taskzip.pipeline.zipper.trace import trace

_METHODS = {"mtz": zip_by_mtz}


@dataclass(frozen=True)
class Zipped:
    """The joint network, the plan that made it, and what it shares."""

    joint: JointNetwork
    plan: Plan
    layers: tuple[ZippedLayer, ...]
    """All layers, input to output; heads share nothing."""
    parameters: Parameters


def zip_tasks(tasks: Sequence[Task], config: ZipConfig, progress: Progress) -> Zipped:
    """Zip the tasks' networks as the config says; BadInput when they cannot share.

    The tasks' networks stay as they are. The same tasks, config and machine give the same bytes.
    """
    progress.step(f"tracing {len(tasks)} networks")
    chains = {task.name: _trace(task) for task in tasks}
    align(chains)
    counts = shared_counts(config.share, chains)
    joint, plan = _METHODS[config.method](tasks, chains, counts, config, progress)
    return Zipped(joint, plan, _layers(chains, counts), _parameters(tasks, joint))


def outline(tasks: Sequence[Task], config: ZipConfig) -> tuple[ZippedLayer, ...]:
    """What `zip_tasks` would share, layer by layer; BadInput when the networks cannot share."""
    chains = {task.name: _trace(task) for task in tasks}
    align(chains)
    return _layers(chains, shared_counts(config.share, chains))


def _trace(task: Task) -> Chain:
    for batch in task.calibration():
        return trace(task.name, task.network, batch)
    raise BadInput(f"task {task.name}: calibration yields no batch; at least one is needed")


def _layers(chains: dict[str, Chain], counts: Sequence[int]) -> tuple[ZippedLayer, ...]:
    first = next(iter(chains.values()))
    return tuple(
        ZippedLayer(
            name=layer.name,
            shared=count,
            of={name: chain.layers[depth].outputs for name, chain in chains.items()},
        )
        for depth, (layer, count) in enumerate(zip(first.layers, (*counts, 0), strict=True))
    )


def _parameters(tasks: Sequence[Task], joint: JointNetwork) -> Parameters:
    return Parameters(
        separate=sum(_count(task.network) for task in tasks),
        joint=_count(joint),
        shared=_count(joint.shared),
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
