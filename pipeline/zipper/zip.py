"""Separate networks in, one joint network out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipresult import DeadInputs, Parameters, StoredBytes, ZippedLayer
from taskzip.pipeline.graph.channels import Channels, find_channels
from taskzip.pipeline.graph.trace import trace
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.align import align
from taskzip.pipeline.zipper.checkpoint import Checkpoints
from taskzip.pipeline.zipper.density import (
    predicted_error,
    sizes_of,
    with_density,
    within_error,
    within_limit,
)
from taskzip.pipeline.zipper.engine import Tune, run, zip_layers
from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.methods.planned import Planned, checked_counts
from taskzip.pipeline.zipper.methods.registry import method_of
from taskzip.pipeline.zipper.openings import with_openings
from taskzip.pipeline.zipper.plan import Plan, cost_limits, shared_counts
from taskzip.pipeline.zipper.planning import (
    Measure,
    bisect,
    choices_of,
    counts_of,
    has_budget,
    within_budget,
)
from taskzip.pipeline.zipper.sparse_layer import is_place
from taskzip.pipeline.zipper.stored import stored_bytes


@dataclass(frozen=True)
class Zipped:
    """The joint network, the plan that made it, and what it shares."""

    joint: JointNetwork
    plan: Plan
    layers: tuple[ZippedLayer, ...]
    """All layers of the first task, input to output; private ones share nothing."""
    parameters: Parameters
    bytes: StoredBytes
    notes: tuple[str, ...]
    """What stayed private although it is no head, and why."""
    dead_inputs: tuple[DeadInputs, ...] = ()
    """Layers that damping alone made solvable, task by task."""


@dataclass(frozen=True)
class Aids:
    """What a zip may use beside networks and data."""

    measure: Measure | None = None
    """The mean increase of the error in points: with it `max_error` is measured, not predicted."""
    checkpoints: Checkpoints | None = None
    """What was finished before, to go on from."""
    tune: Tune | None = None
    """Trains what there is after each layer that shares something."""


_NONE = Aids()


def zip_tasks(
    tasks: Sequence[Task], config: ZipConfig, progress: Progress, aids: Aids = _NONE
) -> Zipped:
    """Zip the tasks' networks as the config says; BadInput when they cannot share.

    The tasks' networks stay as they are. The same tasks, config and machine give the same bytes.
    """
    return zip_scene(survey(tasks, config, progress), config, progress, aids)


def zip_scene(scene: Scene, config: ZipConfig, progress: Progress, aids: Aids = _NONE) -> Zipped:
    """Zip networks that were surveyed before; `config` may name another method."""
    scene, method = decide(scene, config, progress, aids)
    finished = zip_layers(scene, method, progress, aids.checkpoints, aids.tune)
    return Zipped(
        joint=finished.joint,
        plan=finished.plan,
        layers=layers(replace(scene, counts=_by_group(scene, finished.plan))),
        parameters=_parameters(scene.tasks, finished.joint),
        bytes=StoredBytes(separate=separate_bytes(scene.tasks), joint=stored_bytes(finished.joint)),
        notes=scene.alignment.notes,
        dead_inputs=finished.dead_inputs,
    )


def decide(
    scene: Scene, config: ZipConfig, progress: Progress, aids: Aids = _NONE
) -> tuple[Scene, Method]:
    """How much each group shares: as the plan, the budget or the config's share says."""
    method = method_of(config)
    refit = method.refits if config.refit is None else config.refit
    scene = replace(scene, config=config.model_copy(update={"refit": refit}))
    if config.plan is not None or (has_budget(config) and config.method != "hybrid"):
        scene = replace(scene, limits=(None,) * len(scene.limits))
    if config.plan is not None:
        plan = Plan.read(config.plan)
        counts = checked_counts(plan, scene.alignment, str(config.plan))
        return replace(scene, counts=counts), Planned(plan, method)
    if has_budget(config):
        return _within_budget(scene, method, progress, aids), method
    return scene, method


def _within_budget(scene: Scene, method: Method, progress: Progress, aids: Aids) -> Scene:
    measure, checkpoints = aids.measure, aids.checkpoints
    if scene.config.method == "hybrid":
        return _with_entries_within_budget(scene, method, progress, aids)
    choices = choices_of(scene, method, progress, checkpoints)
    sharing = within_budget(scene, choices, measure is not None)
    limit = scene.config.max_error
    if limit is not None and measure is not None:
        sharing = bisect(
            choices,
            limit,
            lambda each: run(
                replace(scene, counts=counts_of(scene, each)),
                method,
                progress,
                checkpoints,
            ),
            measure,
            progress,
        )
    return replace(scene, counts=counts_of(scene, sharing))


def _with_entries_within_budget(
    scene: Scene, method: Method, progress: Progress, aids: Aids
) -> Scene:
    measure, checkpoints = aids.measure, aids.checkpoints
    config = scene.config
    limits = [config.max_bytes] if config.max_bytes is not None else []
    if config.max_size_ratio is not None:
        limits.append(int(config.max_size_ratio * separate_bytes(scene.tasks)))
    if limits:
        sizes = sizes_of(scene, method, progress, checkpoints)
        return with_density(scene, within_limit(sizes, min(limits)))
    if config.max_error is None:
        return scene
    error = predicted_error if measure is None else lambda joint, _: measure(joint)

    def zipped(sized: Scene) -> tuple[JointNetwork, Plan]:
        return run(sized, method, progress, checkpoints)

    return with_density(scene, within_error(scene, zipped, config.max_error, error, progress))


def _by_group(scene: Scene, plan: Plan) -> tuple[int, ...]:
    """How many channels each group came to share, in the alignment's order."""
    shared = {group.name: group.shared for group in plan.groups}
    return tuple(shared[group.name] for group in scene.alignment.groups)


def survey(tasks: Sequence[Task], config: ZipConfig, progress: Progress) -> Scene:
    """The networks traced and aligned, and how many channels each group is to share."""
    progress.step(f"tracing {len(tasks)} networks")
    networks = {task.name: _trace(task) for task in tasks}
    aligned = align(
        networks,
        share_depthwise=config.share_depthwise,
        private_layers=config.private_layers,
    )
    alignment = with_openings(networks, aligned)
    counts = shared_counts(config.share, alignment, config.share_multiple)
    limits = cost_limits(config.max_pair_cost, alignment)
    return Scene(tasks, networks, alignment, counts, limits, config)


def _trace(task: Task) -> Channels:
    for batch in task.calibration():
        return find_channels(trace(task.name, task.network, batch))
    raise BadInput(f"task {task.name}: calibration yields no batch; at least one is needed")


def layers(scene: Scene) -> tuple[ZippedLayer, ...]:
    """What is shared, layer by layer of the first task."""
    first = scene.tasks[0].name
    network = scene.networks[first]
    steps = {step.nodes[first]: step for step in scene.alignment.steps}
    found = []
    for node, layer in network.graph.layers.items():
        step = steps.get(node)
        if step is None:
            found.append(ZippedLayer(name=layer.name, shared=0, of=_widths(scene, layer.name)))
        else:
            of = {
                task: scene.networks[task].graph.layers[name].outputs
                for task, name in step.nodes.items()
            }
            shared = scene.counts[step.group] * layer.per_channel
            found.append(ZippedLayer(name=layer.name, shared=shared, of=of))
    return tuple(found)


def _widths(scene: Scene, name: str) -> dict[str, int]:
    """Outputs of the layers of that name, in the tasks that have one."""
    return {
        task: layer.outputs
        for task, network in scene.networks.items()
        for layer in network.graph.layers.values()
        if layer.name == name
    }


def _parameters(tasks: Sequence[Task], joint: JointNetwork) -> Parameters:
    return Parameters(
        separate=sum(_count(task.network) for task in tasks),
        joint=_count(joint) + sum(b.numel() for n, b in joint.named_buffers() if not is_place(n)),
        shared=_count(joint.shared),
    )


def separate_bytes(tasks: Sequence[Task]) -> int:
    """Of all networks' weights."""
    return sum(each.nbytes for task in tasks for each in task.network.parameters())


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
