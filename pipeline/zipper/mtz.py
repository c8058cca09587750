"""Multi-Task Zipping (He, Zhou, Thiele, NeurIPS 2018), with the refit of docs/zipping.md.

Layers are zipped from the input on; the last one (the head) stays each task's own. Letters:
N outputs, C input channels, P inputs with the bias's constant 1, S shared channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.apply import TaskLayer, apply, shared_columns
from taskzip.pipeline.zipper.chain import Chain, Layer, Op
from taskzip.pipeline.zipper.joint import JointNetwork, JointSpec, TaskSpec
from taskzip.pipeline.zipper.layer_module import JointLayer, LayerSpec, Split
from taskzip.pipeline.zipper.match import PAIRINGS, Candidates, match
from taskzip.pipeline.zipper.merge import cost, damped, optimum
from taskzip.pipeline.zipper.moments import gather
from taskzip.pipeline.zipper.plan import LayerPlan, Plan
from taskzip.pipeline.zipper.refit import refit
from taskzip.pipeline.zipper.stream import Stage, Stream

KEPT_BYTES = 1 << 30
"""Activations kept for all tasks together (twice that while a layer is passed)."""


@dataclass
class _State:
    """A task on its way through the layers."""

    chain: Chain
    stream: Stream
    order: torch.Tensor
    """(C,) the original channels of the coming layer's input, in the joint network's order."""
    inputs: Split
    moved: bool = False
    """Whether anything before the coming layer was merged."""


@dataclass(frozen=True)
class _Ready:
    """A task's coming layer for the inputs that it will really get."""

    part: TaskLayer
    moment: torch.Tensor | None
    """(P, P), None where nothing is to be solved or shared."""


def zip_by_mtz(
    tasks: Sequence[Task],
    chains: dict[str, Chain],
    counts: Sequence[int],
    config: ZipConfig,
    progress: Progress,
) -> tuple[JointNetwork, Plan]:
    """The joint network that shares `counts` channels in the hidden layers, and how it does."""
    states = {task.name: _start(task, chains[task.name], len(tasks)) for task in tasks}
    specs: list[dict[str, LayerSpec]] = []
    layers: list[JointLayer] = []
    plans: list[LayerPlan] = []
    depths = (*counts, 0)
    with progress_bar(progress, "zipping layers", len(depths) * len(tasks)) as bar:
        for depth, count in enumerate(depths):
            ready = {}
            for name, state in states.items():
                ready[name] = _prepare(state, depth, count, config)
                progress.advance(bar)
            plan, merged = _plan(ready, count, config)
            spec, layer = apply({name: each.part for name, each in ready.items()}, plan, merged)
            specs.append(spec)
            layers.append(layer)
            plans.append(plan)
            for name, state in states.items():
                _advance(state, name, plan, layer, depth)
    return JointNetwork(_spec(chains, specs), layers), Plan(method="mtz", layers=tuple(plans[:-1]))


def _start(task: Task, chain: Chain, tasks: int) -> _State:
    stream = Stream(task.calibration, KEPT_BYTES // tasks)
    stream.advance(Stage(op, op) for op in [op.module() for op in chain.lead])
    channels = chain.layers[0].inputs
    return _State(chain, stream, torch.arange(channels), Split(shared=channels, own=0))


def _prepare(state: _State, depth: int, count: int, config: ZipConfig) -> _Ready:
    layer = state.chain.layers[depth]
    weights = _matrix(layer, state.order)
    solves = config.refit and state.moved
    has_bias = layer.bias is not None or solves
    if not solves and count == 0:
        return _Ready(TaskLayer(layer, state.inputs, weights, has_bias), None)
    moments = gather(layer, state.stream, config.seed + depth)
    if solves:
        weights = refit(weights, moments, config.refit_ridge)
    return _Ready(TaskLayer(layer, state.inputs, weights, has_bias), moments.inputs)


def _plan(
    ready: dict[str, _Ready], count: int, config: ZipConfig
) -> tuple[LayerPlan, torch.Tensor]:
    """Which channels become one, and the merged vectors (S, shared inputs with the constant 1)."""
    first = next(iter(ready.values())).part
    of = {name: each.part.layer.outputs for name, each in ready.items()}
    if count == 0:
        empty: dict[str, tuple[int, ...]] = dict.fromkeys(ready, ())
        return LayerPlan(name=first.layer.name, groups=empty, of=of, costs=()), torch.zeros(0, 0)
    candidates = [_candidates(each, config.damping) for each in ready.values()]
    chosen = match(candidates, count, PAIRINGS[config.pairing])
    members = [
        each.weights[torch.from_numpy(picked)]
        for each, picked in zip(candidates, chosen, strict=True)
    ]
    moments = [each.moment for each in candidates]
    merged = optimum(moments, members)
    plan = LayerPlan(
        name=first.layer.name,
        groups={name: tuple(picked.tolist()) for name, picked in zip(ready, chosen, strict=True)},
        of=of,
        costs=tuple(cost(moments, members, merged).tolist()),
    )
    return plan, merged


def _candidates(ready: _Ready, damping: float) -> Candidates:
    """What is matched: the weights from shared inputs, and those inputs' second moment."""
    if ready.moment is None:
        raise ValueError("a layer that is shared has a second moment")
    columns = shared_columns(ready.part.inputs, ready.part.layer.columns)
    moment = ready.moment[columns][:, columns]
    return Candidates(damped(moment, damping), ready.part.weights[:, columns])


def _advance(state: _State, name: str, plan: LayerPlan, joint: JointLayer, depth: int) -> None:
    layer = state.chain.layers[depth]
    state.moved = state.moved or plan.shared > 0
    before = layer.module()
    ops = [op.module() for op in layer.ops]
    after = joint.tasks[name] if state.moved else before
    state.stream.advance([Stage(before, after), *(Stage(op, op) for op in ops)])
    state.order = torch.tensor(plan.order(name), dtype=torch.long)
    state.inputs = Split(shared=plan.shared, own=layer.outputs - plan.shared)


def _matrix(layer: Layer, order: torch.Tensor) -> torch.Tensor:
    """(N, P) float64, input channels in `order`; a missing bias is zeros."""
    by_channel = layer.weight.double().reshape(layer.outputs, layer.inputs, layer.columns)
    bias = torch.zeros(layer.outputs) if layer.bias is None else layer.bias
    return torch.cat([by_channel[:, order].flatten(1), bias.double()[:, None]], dim=1)


def _spec(chains: dict[str, Chain], layers: Sequence[dict[str, LayerSpec]]) -> JointSpec:
    tasks = {}
    for name, chain in chains.items():
        steps: list[Op | LayerSpec] = list(chain.lead)
        for layer, spec in zip(chain.layers, layers, strict=True):
            steps += [spec[name], *layer.ops]
        tasks[name] = TaskSpec(steps=tuple(steps))
    return JointSpec(tasks=tasks)
