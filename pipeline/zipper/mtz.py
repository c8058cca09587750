"""Multi-Task Zipping (He, Zhou, Thiele, NeurIPS 2018), with the refit of docs/zipping.md.

Layers are zipped from the input on; the last one (the head) stays each task's own. Letters:
N neurons (outputs) of a task, P inputs with the bias's constant 1, S shared neurons.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.apply import TaskLayer, apply, shared_columns
from taskzip.pipeline.zipper.balance import balance
from taskzip.pipeline.zipper.chain import Chain, Op
from taskzip.pipeline.zipper.frontier import Frontier, Ready
from taskzip.pipeline.zipper.joint import JointNetwork, JointSpec, TaskSpec
from taskzip.pipeline.zipper.layer_module import JointLayer, LayerSpec
from taskzip.pipeline.zipper.match import PAIRINGS, Candidates, match
from taskzip.pipeline.zipper.merge import cost, damped, optimum
from taskzip.pipeline.zipper.plan import LayerPlan, Plan
from taskzip.pipeline.zipper.reconstruct import reconstruct

KEPT_BYTES = 1 << 30
"""Activations kept for all tasks together (twice that while a layer is passed)."""


@dataclass(frozen=True)
class _Merged:
    """A layer's plan, its merged vectors (S, shared P), and the scale of each task's neurons."""

    plan: LayerPlan
    vectors: torch.Tensor
    scales: dict[str, torch.Tensor]


def zip_by_mtz(
    tasks: Sequence[Task],
    chains: dict[str, Chain],
    counts: Sequence[int],
    config: ZipConfig,
    progress: Progress,
) -> tuple[JointNetwork, Plan]:
    """The joint network that shares `counts` channels in the hidden layers, and how it does."""
    kept_bytes = KEPT_BYTES // len(tasks)
    frontiers = {task.name: Frontier(task, chains[task.name], kept_bytes) for task in tasks}
    specs: list[dict[str, LayerSpec]] = []
    layers: list[JointLayer] = []
    plans: list[LayerPlan] = []
    with progress_bar(progress, "zipping layers", len(counts) + 1) as bar:
        for count in (*counts, 0):
            plan, spec, layer = _pass_layer(frontiers, count, config)
            plans.append(plan)
            specs.append(spec)
            layers.append(layer)
            progress.advance(bar)
    return JointNetwork(_spec(chains, specs), layers), Plan(method="mtz", layers=tuple(plans[:-1]))


def _pass_layer(
    frontiers: dict[str, Frontier], count: int, config: ZipConfig
) -> tuple[LayerPlan, dict[str, LayerSpec], JointLayer]:
    ready = {name: each.prepare(count > 0, config) for name, each in frontiers.items()}
    merged = _merge(frontiers, ready, count, config) if count else _nothing_merged(ready)
    plan, scales = merged.plan, merged.scales
    parts = {
        name: _scaled(each.part, plan.groups[name], scales[name]) for name, each in ready.items()
    }
    specs, layer = apply(parts, plan, merged.vectors)
    if config.refit and count:
        sides = [e.side(layer.tasks[name], plan, scales[name]) for name, e in frontiers.items()]
        reconstruct(sides, config.reconstruct_steps)
    for name, frontier in frontiers.items():
        frontier.advance(layer.tasks[name], plan, scales[name])
    return plan, specs, layer


def _nothing_merged(ready: dict[str, Ready]) -> _Merged:
    of = {name: each.part.layer.outputs for name, each in ready.items()}
    name = next(iter(ready.values())).part.layer.name
    plan = LayerPlan(name=name, groups=dict.fromkeys(ready, ()), of=of, costs=())
    ones = {task: torch.ones(width, dtype=torch.float64) for task, width in of.items()}
    return _Merged(plan, torch.zeros(0, 0, dtype=torch.float64), ones)


def _merge(
    frontiers: dict[str, Frontier], ready: dict[str, Ready], count: int, config: ZipConfig
) -> _Merged:
    plain = {name: _candidates(each, config.damping) for name, each in ready.items()}
    pooled = torch.stack([each.moment for each in plain.values()]).mean(0)
    scales = {
        name: balance(each.weights, pooled, frontiers[name].following)
        if config.refit
        else torch.ones(len(each.weights), dtype=torch.float64)
        for name, each in plain.items()
    }
    candidates = [
        Candidates(each.moment, each.weights * scales[name][:, None])
        for name, each in plain.items()
    ]
    chosen = match(candidates, count, PAIRINGS[config.pairing])
    moments = [each.moment for each in candidates]
    members = [e.weights[torch.from_numpy(c)] for e, c in zip(candidates, chosen, strict=True)]
    vectors = optimum(moments, members)
    plan = LayerPlan(
        name=next(iter(frontiers.values())).layer.name,
        groups={name: tuple(each.tolist()) for name, each in zip(ready, chosen, strict=True)},
        of={name: each.part.layer.outputs for name, each in ready.items()},
        costs=tuple(cost(moments, members, vectors).tolist()),
    )
    return _Merged(plan, vectors, scales)


def _candidates(ready: Ready, damping: float) -> Candidates:
    """What is matched: the weights from shared inputs, and those inputs' second moment."""
    if ready.moment is None:
        raise ValueError("a layer that is shared has a second moment")
    columns = shared_columns(ready.part.inputs, ready.part.layer.columns)
    moment = ready.moment[columns][:, columns]
    return Candidates(damped(moment, damping), ready.part.weights[:, columns])


def _scaled(part: TaskLayer, merged: Sequence[int], scales: torch.Tensor) -> TaskLayer:
    """The part with the neurons that are merged scaled, all others as they were."""
    weights = part.weights.clone()
    rows = list(merged)
    weights[rows] *= scales[rows, None]
    return replace(part, weights=weights)


def _spec(chains: dict[str, Chain], layers: Sequence[dict[str, LayerSpec]]) -> JointSpec:
    tasks = {}
    for name, chain in chains.items():
        steps: list[Op | LayerSpec] = list(chain.lead)
        for layer, spec in zip(chain.layers, layers, strict=True):
            steps += [spec[name], *layer.ops]
        tasks[name] = TaskSpec(steps=tuple(steps))
    return JointSpec(tasks=tasks)
