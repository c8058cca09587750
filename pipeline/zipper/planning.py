"""From a survey of what sharing costs to how many channels each group shares, within a budget.

The survey zips once with all channels shared, by the closed form alone; each group's costs,
relative to the power of what is merged, are its predicted errors.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.pipeline.graph.channels import Channels
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.budget import within_bytes, within_error
from taskzip.pipeline.zipper.checkpoint import Checkpoints
from taskzip.pipeline.zipper.engine import run
from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.plan import GroupPlan, Plan
from taskzip.pipeline.zipper.sharing import Choices, Group, LayerBytes, Sharing

WEIGHT_BYTES = 4
AFFINE_WEIGHTS = 2
"""A scale and a shift for each shared channel and task."""
MEASUREMENTS = 6
"""Zips that are measured to find the most sharing within an error; each halves the range."""

Measure = Callable[[JointNetwork], float]
"""The mean increase of the tasks' errors, in points."""


def has_budget(config: ZipConfig) -> bool:
    """Whether the config leaves the sharing to the solver."""
    return any(
        each is not None for each in (config.max_bytes, config.max_size_ratio, config.max_error)
    )


def choices_of(
    scene: Scene, method: Method, progress: Progress, checkpoints: Checkpoints | None = None
) -> Choices:
    """What each group's sharing saves and is predicted to cost."""
    alignment = scene.alignment
    everything = tuple(group.width for group in alignment.groups)
    units = {group.name: group.unit for group in alignment.groups}
    closed_form = scene.config.model_copy(update={"reconstruct_steps": 0})
    progress.step("surveying what sharing costs")
    survey = replace(scene, counts=everything, config=closed_form)
    _, plan = run(survey, method, progress, checkpoints)
    return Choices(
        groups=tuple(
            Group(
                group.name,
                tuple(sorted(_unit_costs(group, units[group.name]))),
                _units_at_once(scene.config.share_multiple, units[group.name]),
            )
            for group in plan.groups
        ),
        layers=tuple(_layer(scene, step) for step in alignment.steps),
        separate_bytes=sum(_weights(each) for each in scene.networks.values()) * WEIGHT_BYTES,
    )


def within_budget(scene: Scene, choices: Choices, measured_points: bool) -> Sharing:
    """The sharing that the config's budgets ask for; a measured error is left to `bisect`."""
    config = scene.config
    limits = [config.max_bytes] if config.max_bytes is not None else []
    if config.max_size_ratio is not None:
        limits.append(int(config.max_size_ratio * choices.separate_bytes))
    if limits:
        spare = _affine_bytes(scene) + _bias_bytes(scene)
        _check_reachable(choices, min(limits), choices.most.size_bytes + spare)
        return within_bytes(choices, min(limits) - spare)
    if config.max_error is not None and not measured_points:
        return within_error(choices, config.max_error)
    return choices.most


def _check_reachable(choices: Choices, limit: int, least: int) -> None:
    if limit >= least:
        return
    separate = choices.separate_bytes
    ratio = math.ceil(1000 * least / separate) / 1000
    raise BadInput(
        f"the joint network cannot have {limit:,} bytes of weights ({limit / separate:.3f} of the "
        f"{separate:,} of all separate ones): what each task keeps for itself and one shared copy "
        f"of the rest take {least:,}; ask for max_bytes = {least} or max_size_ratio = {ratio}, "
        "or more"
    )


def bisect(
    choices: Choices,
    max_points: float,
    zipped: Callable[[Sharing], tuple[JointNetwork, Plan]],
    measure: Measure,
    progress: Progress,
) -> Sharing:
    """The fewest bytes whose measured mean increase is at most `max_points`; the error is assumed
    to grow with the sharing.
    """
    if max_points < 0:
        raise BadInput(f"max_error: {max_points} points cannot be promised; ask for 0 or more")
    best, low, high = choices.none, choices.most.size_bytes, choices.none.size_bytes
    target = low
    for _ in range(MEASUREMENTS):
        sharing = within_bytes(choices, target)
        points = measure(zipped(sharing)[0])
        progress.step(f"{sharing.size_bytes:,} bytes: {points:+.2f} points")
        if points <= max_points:
            best, high = sharing, target
        else:
            low = target
        if high <= low:
            break
        target = (low + high) // 2
    return best


def counts_of(scene: Scene, sharing: Sharing) -> tuple[int, ...]:
    """Channels of each group, in the alignment's order."""
    return tuple(sharing.counts[group.name] * group.unit for group in scene.alignment.groups)


def _units_at_once(multiple: int, unit: int) -> int:
    """So many units have a number of channels that is the least common multiple of both."""
    return math.lcm(multiple, unit) // unit


def _unit_costs(group: GroupPlan, unit: int) -> Iterator[float]:
    costs = group.relative_costs
    for start in range(0, len(costs), unit):
        yield sum(costs[start : start + unit])


def _layer(scene: Scene, step: Step) -> LayerBytes:
    first = scene.tasks[0].name
    network = scene.networks[first]
    layer = network.graph.layers[step.nodes[first]]
    inputs, common = _inputs(scene, step)
    group = scene.alignment.groups[step.group]
    return LayerBytes(
        name=step.name,
        inputs=inputs,
        output=group.name,
        rows=group.unit * layer.per_channel,
        kernel=layer.weight[0, 0].numel(),
        common_columns=layer.weight.shape[1] if layer.is_grouped else common,
        weight_bytes=WEIGHT_BYTES,
        tasks=len(scene.tasks),
    )


def _inputs(scene: Scene, step: Step) -> tuple[tuple[tuple[str, int], ...], int]:
    """Groups that a layer reads with their columns, and how many raw inputs all tasks have."""
    groups = scene.alignment.groups
    found = [_sources(scene, task, network, step) for task, network in scene.networks.items()]
    if any(each != found[0] for each in found) or found[0] is None:
        return (), 0
    raw = sum(columns for index, columns in found[0] if index is None)
    read = ((groups[i], columns) for i, columns in found[0] if i is not None)
    return tuple((group.name, columns * group.unit) for group, columns in read), raw


def _sources(
    scene: Scene, task: str, network: Channels, step: Step
) -> list[tuple[int | None, int]] | None:
    graph = network.graph
    node = next(each for each in graph.nodes if each.name == step.nodes[task])
    source, layer = node.inputs[0], graph.layers[node.name]
    if layer.is_grouped:
        return []
    if source in network.raw:
        return [(None, graph.shapes[source][layer.axis])] if scene.config.share_inputs else None
    segments = network.segments(source)
    if segments is None:
        return [(None, graph.shapes[source][layer.axis])]
    found = [(scene.alignment.group_of(task, each.space), each.columns) for each in segments]
    return None if any(group is None for group, _ in found) else list(found)


def _affine_bytes(scene: Scene) -> int:
    """What scales and shifts take at most."""
    if scene.config.affine == "none":
        return 0
    shared = sum(
        scene.alignment.groups[step.group].width * _copies(scene, step)
        for step in scene.alignment.steps
        if scene.config.affine == "all"
        or any(
            network.graph.layers[step.nodes[task]].normalized
            for task, network in scene.networks.items()
        )
    )
    return shared * AFFINE_WEIGHTS * WEIGHT_BYTES * len(scene.tasks)


def _bias_bytes(scene: Scene) -> int:
    """What biases take at most that the refit adds to layers without one."""
    if not scene.config.refit:
        return 0
    layers = (each for network in scene.networks.values() for each in network.graph.layers.values())
    return sum(each.outputs for each in layers if each.bias is None) * WEIGHT_BYTES


def _copies(scene: Scene, step: Step) -> int:
    network = scene.networks[scene.tasks[0].name]
    return network.graph.layers[step.nodes[scene.tasks[0].name]].per_channel


def _weights(network: Channels) -> int:
    layers = network.graph.layers.values()
    constants = network.graph.constants.values()
    return sum(
        each.weight.numel() + (0 if each.bias is None else len(each.bias)) for each in layers
    ) + sum(each.numel() for each in constants)
