"""Zipping step by step: every method goes through here, from the input to the heads.

Letters: N channels of a task, S shared ones, P inputs with the bias's constant 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.zipresult import DeadInputs
from taskzip.pipeline.networks.task import relative_weights
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.apply import apply
from taskzip.pipeline.zipper.assemble import assemble
from taskzip.pipeline.zipper.checkpoint import Checkpoint, Checkpoints, telling
from taskzip.pipeline.zipper.front import Front
from taskzip.pipeline.zipper.frontier import Frontier
from taskzip.pipeline.zipper.grown import with_entries
from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.layer_module import JointLayer
from taskzip.pipeline.zipper.layer_spec import LayerSpec
from taskzip.pipeline.zipper.matching import Matching
from taskzip.pipeline.zipper.merging import Merging
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.order import Inputs, Order
from taskzip.pipeline.zipper.plan import GroupPlan, Plan
from taskzip.pipeline.zipper.ready import Ready, has_shared_inputs
from taskzip.pipeline.zipper.reconstruct import reconstruct
from taskzip.pipeline.zipper.renewed import renewed
from taskzip.pipeline.zipper.scales import Scales
from taskzip.pipeline.zipper.standing import Standing
from taskzip.pipeline.zipper.stream import Stream, part_images

Tune = Callable[[JointNetwork], None]
"""Trains a joint network in place, whose layers to come are still private."""

KEPT_BYTES = 25 << 27
"""Activations kept for all tasks together."""


@dataclass(frozen=True)
class Finished:
    """What a zip made of all layers."""

    joint: JointNetwork
    plan: Plan
    dead_inputs: tuple[DeadInputs, ...]


def run(
    scene: Scene,
    method: Method,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> tuple[JointNetwork, Plan]:
    """The joint network that shares `scene.counts` channels, and how it does."""
    finished = zip_layers(scene, method, progress, checkpoints)
    return finished.joint, finished.plan


def zip_layers(
    scene: Scene,
    method: Method,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
    tune: Tune | None = None,
) -> Finished:
    """Share `scene.counts` channels; with `tune` after each layer that shares something.

    With `checkpoints` each step is kept, and those that were kept before are not taken again.
    """
    checkpoint = None if checkpoints is None else checkpoints.of(scene, tune is not None)
    steps, units = len(scene.alignment.steps), len(scene.tasks) + 1
    with (
        progress_bar(progress, "zipping layers", (steps + 1) * units) as bar,
        telling(checkpoint, progress),
    ):
        work = _Run(scene, method, lambda moved: progress.advance(bar, moved))
        done = 0 if checkpoint is None else _resume(work, checkpoint, progress)
        progress.advance(bar, done * units)
        for index in range(done, steps + 1):
            whole = work.take(index, tune)
            if checkpoint is not None and (tune is None or whole is not None):
                checkpoint.write(index, whole or work.engine.standing)
            progress.advance(bar)
    finished = work.engine.finished()
    if not method.hosts:
        return finished
    joint = with_entries(finished.joint, scene.tasks, scene.config.hybrid_density)
    return replace(finished, joint=joint)


class _Run:
    """The engine, and another one each time the networks were trained."""

    def __init__(self, scene: Scene, method: Method, advance: Callable[[int], None]) -> None:
        self._scene, self._method, self._advance = scene, method, advance
        self.engine = _Engine(scene, method, advance)
        self._is_prepared = False

    def take(self, index: int, tune: Tune | None) -> Standing | None:
        """Take a step; if its layers were merged and there is `tune`, train and start anew."""
        if not self._is_prepared:
            self._method.prepare(self._scene)
            self._is_prepared = True
        merges = self.engine.take(index)
        if tune is None or not merges:
            return None
        here = self.engine.standing
        tune(self.engine.finish())
        tasks = self.engine.frontiers.items()
        whole = here.with_networks(
            {name: each.layers for name, each in tasks},
            {name: each.constants for name, each in tasks},
        )
        self.start_anew(whole)
        return whole

    def start_anew(self, whole: Standing) -> None:
        """Go on with the networks that `whole` has."""
        self._scene, standing = renewed(self._scene, whole)
        self.engine = _Engine(self._scene, self._method, self._advance)
        self.engine.go_to(standing)
        self._is_prepared = False


def _resume(work: _Run, checkpoint: Checkpoint, progress: Progress) -> int:
    """Go on from what is kept; returns how many steps that is."""
    done, standing = checkpoint.read(work.engine.standing)
    if done:
        progress.step(f"zipping goes on after {done} of {work.engine.count} steps")
        if checkpoint.whole:
            work.start_anew(standing)
        else:
            work.engine.go_to(standing)
    return done


class _Engine:
    def __init__(self, scene: Scene, method: Method, advance: Callable[[int], None]) -> None:
        """`advance` moves the bar on: a unit for each task's data, a layer."""
        self._scene = scene
        self._config = scene.config
        self._method = method
        self._advance = advance
        weights = relative_weights(scene.tasks)
        self.frontiers = {
            name: Frontier(name, channels, scene.config, self._stream(name), weights[name])
            for name, channels in scene.networks.items()
        }
        self._front = Front(scene, self.frontiers, advance)
        self._scales = Scales(scene.config, self.frontiers, method.weighs_errors)
        self._matching = Matching(scene, method, self._front, self._scales)
        self._merging = Merging(scene.config, method, self._scales)
        self.plans: dict[int, GroupPlan] = {}
        self.blocks: list[tuple[Step, JointLayer]] = []

    def _stream(self, name: str) -> Stream:
        (task,) = (each for each in self._scene.tasks if each.name == name)
        graph = self._scene.networks[name].graph
        kept_bytes = KEPT_BYTES // len(self._scene.tasks)
        images = part_images(graph.shapes.values())
        return Stream(task.calibration, graph.input, kept_bytes, images, lambda: self._advance(0))

    @property
    def count(self) -> int:
        """How many steps there are; the last passes what is left: the heads."""
        return len(self._scene.alignment.steps) + 1

    @property
    def standing(self) -> Standing:
        """All that was decided and computed so far."""
        places = {name: each.place for name, each in self.frontiers.items()}
        return Standing(places, dict(self.plans), tuple(self.blocks))

    @property
    def _hosts(self) -> bool:
        """Whether the first task's layers stand for all from here on: some are shared already."""
        return self._method.hosts and bool(self.blocks)

    def go_to(self, standing: Standing) -> None:
        """Stand where another engine of the same scene stood; from the first step on."""
        self.plans = dict(standing.plans)
        self.blocks = list(standing.blocks)
        for name, frontier in self.frontiers.items():
            frontier.go_to(standing.places[name])

    def take(self, index: int) -> bool:
        """Take step `index` of `count`; returns whether it merged layers."""
        steps = self._scene.alignment.steps
        if index == len(steps):
            self.finish(self._advance)
            return False
        for opening in self._scene.alignment.openings:
            if opening.place == index:
                self._open(opening.step)
        blocks = len(self.blocks)
        self._pass_step(steps[index])
        return len(self.blocks) > blocks

    def finish(self, advance: Callable[[int], None] = lambda moved: None) -> JointNetwork:
        """Pass what is left, which stays private: the heads, at the end."""
        self._front.reach(None, hosts=self._hosts, advance=advance)
        return assemble(self.frontiers, self.blocks)

    def finished(self) -> Finished:
        """All that came of it, after the last step."""
        places = self.standing.places.values()
        return Finished(
            joint=assemble(self.frontiers, self.blocks),
            plan=Plan(method=self._config.method, groups=tuple(self.plans.values())),
            dead_inputs=tuple(each for place in places for each in place.dead.values()),
        )

    def _open(self, step: Step) -> None:
        """Decide on channels before layers that are not alike, which stay private."""
        shares = self._scene.counts[step.group] > 0
        ready, inputs = {}, {}
        self._front.reach(step, hosts=self._hosts)
        for name, frontier in self.frontiers.items():
            node = step.nodes[name]
            inputs[name] = frontier.inputs(node).private()
            ready[name] = frontier.prepare(node, inputs[name], shares)
        self._decide(step, ready, inputs)

    def _pass_step(self, step: Step) -> None:
        """Merge the layers of one step, or pass them if they share nothing."""
        self._front.reach(step, hosts=self._hosts)
        inputs = self._front.inputs(step)
        ready = self._front.ready(step, inputs, self._scene.counts[step.group] > 0)
        if step.group not in self.plans:
            self._decide(step, ready, inputs)
        orders = self._front.orders(step)
        if self.plans[step.group].shared == 0 or not has_shared_inputs(ready):
            for name, frontier in self.frontiers.items():
                frontier.pass_unshared(step.nodes[name], ready[name], orders[name])
        else:
            self._pass_merged(step, ready, orders)

    def _decide(self, step: Step, ready: dict[str, Ready], inputs: dict[str, Inputs]) -> None:
        """Which channels of the group become one, at the first layer that writes them."""
        group = self._scene.alignment.groups[step.group]
        count = 0 if self._front.assumes(step) else self._scene.counts[step.group]
        found = [torch.zeros(0, dtype=torch.long)] * len(ready)
        if count:
            found = self._matching.choose(step, ready, inputs, count)
        chosen = dict(zip(ready, found, strict=True))
        scales = self._scales.of(step, ready) if self._scales.stay(step) else None
        self._front.set_orders(step, chosen, scales)
        self.plans[step.group] = GroupPlan(
            name=group.name,
            layers=group.layers,
            groups={name: tuple(each.tolist()) for name, each in chosen.items()},
            of=group.widths,
            costs=(0.0,) * len(found[0]),
        )

    def _pass_merged(self, step: Step, ready: dict[str, Ready], orders: dict[str, Order]) -> None:
        rows = _rows(ready, orders)
        found = self._merging.merge(step, ready, rows)
        plan = self.plans[step.group]
        layer = next(iter(ready.values())).part.layer
        by_channel = found.costs.reshape(layer.parts, -1, layer.columns).sum((0, 2))
        costs_so_far = tuple(a + b for a, b in zip(plan.costs, by_channel.tolist(), strict=True))
        self.plans[step.group] = plan.model_copy(
            update={"costs": costs_so_far, "power": plan.power + found.power}
        )
        specs, joint = apply(found.parts, rows, found.merged)
        if self._config.refit and self._config.reconstruct_steps and not self._method.hosts:
            self._reconstruct(step, joint, orders)
        self._pass(step, specs, joint)

    def _pass(self, step: Step, specs: dict[str, LayerSpec], layer: JointLayer) -> None:
        self.blocks.append((step, layer))
        for name, frontier in self.frontiers.items():
            frontier.pass_layer(step.nodes[name], specs[name], layer.tasks[name], differs=True)

    def _reconstruct(self, step: Step, layer: JointLayer, orders: dict[str, Order]) -> None:
        sides = [
            frontier.side(step.nodes[name], layer.tasks[name], orders[name])
            for name, frontier in self.frontiers.items()
        ]
        known = [each for each in sides if each is not None]
        if len(known) == len(sides):
            reconstruct(known, self._config.reconstruct_steps)


def _rows(ready: dict[str, Ready], orders: dict[str, Order]) -> dict[str, Order]:
    """The order of each layer's outputs, which may be several to a channel."""
    layers = {name: each.part.layer for name, each in ready.items()}
    return {name: orders[name].rows(each.parts, each.columns) for name, each in layers.items()}
