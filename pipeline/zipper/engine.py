"""Zipping step by step: every method goes through here, from the input to the heads.

Letters: N channels of a task, S shared ones, P inputs with the bias's constant 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.zipresult import DeadInputs
from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.networks.task import relative_weights
from taskzip.pipeline.zipper.added import Split, less, values_of
from taskzip.pipeline.zipper.affine import deviation, fit_affine
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.apply import Merged, TaskLayer, apply
from taskzip.pipeline.zipper.assemble import assemble
from taskzip.pipeline.zipper.balance import balance
from taskzip.pipeline.zipper.checkpoint import Checkpoint, Checkpoints, telling
from taskzip.pipeline.zipper.depthwise import (
    ChannelMoments,
    channel_costs,
    damped,
    merge_channels,
)
from taskzip.pipeline.zipper.frontier import Frontier, Ready
from taskzip.pipeline.zipper.gather import Moments
from taskzip.pipeline.zipper.handover import handover
from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.layer_module import JointLayer, LayerSpec
from taskzip.pipeline.zipper.masks import prune_merged
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.optimum import cost
from taskzip.pipeline.zipper.order import Inputs, Order
from taskzip.pipeline.zipper.pairing import Candidates
from taskzip.pipeline.zipper.plan import GroupPlan, Plan
from taskzip.pipeline.zipper.reconstruct import reconstruct
from taskzip.pipeline.zipper.second_moment import SecondMoment, total
from taskzip.pipeline.zipper.standing import Standing
from taskzip.pipeline.zipper.stream import Stream, part_images
from taskzip.pipeline.zipper.threshold import all_or_none, cheap_groups

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
    name: str,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> tuple[JointNetwork, Plan]:
    """The joint network that shares `scene.counts` channels, and how it does."""
    finished = zip_layers(scene, method, name, progress, checkpoints)
    return finished.joint, finished.plan


def zip_layers(
    scene: Scene,
    method: Method,
    name: str,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> Finished:
    """Share `scene.counts` channels.

    With `checkpoints` each step is kept, and those that were kept before are not taken again.
    """
    checkpoint = None if checkpoints is None else checkpoints.of(scene, name)
    count, units = len(scene.alignment.steps) + 1, len(scene.tasks) + 1
    with (
        progress_bar(progress, "zipping layers", count * units) as bar,
        telling(checkpoint, progress),
    ):
        engine = _Engine(scene, method, lambda moved: progress.advance(bar, moved))
        done = 0 if checkpoint is None else _resume(engine, checkpoint, progress)
        progress.advance(bar, done * units)
        if done < count:
            method.prepare(scene)
        for index in range(done, count):
            engine.take(index)
            if checkpoint is not None:
                checkpoint.write(index, engine.standing)
            progress.advance(bar)
    plan = Plan(method=name, groups=tuple(engine.plans.values()))
    places = engine.standing.places.values()
    dead_inputs = tuple(each for place in places for each in place.dead.values())
    return Finished(assemble(engine.frontiers, engine.blocks), plan, dead_inputs)


def _resume(engine: "_Engine", checkpoint: Checkpoint, progress: Progress) -> int:
    """Go on from what is kept; returns how many steps that is."""
    done, standing = checkpoint.read(engine.standing)
    if done:
        progress.step(f"zipping goes on after {done} of {engine.count} steps")
        engine.go_to(standing)
    return done


class _Engine:
    def __init__(self, scene: Scene, method: Method, advance: Callable[[int], None]) -> None:
        """`advance` moves the bar on: a unit for each task's data, a layer."""
        self._scene = scene
        self._method = method
        self._config = scene.config
        self._advance = advance
        weights = relative_weights(scene.tasks)
        self.frontiers = {
            name: Frontier(name, channels, scene.config, self._stream(name), weights[name])
            for name, channels in scene.networks.items()
        }
        self.plans: dict[int, GroupPlan] = {}
        self.blocks: list[tuple[Step, JointLayer]] = []
        self._ahead: dict[str, dict[str, Ready]] = {}
        """Steps that were looked at before their turn, by their first task's node."""

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

    def go_to(self, standing: Standing) -> None:
        """Stand where another engine of the same scene stood; from the first step on."""
        self.plans = dict(standing.plans)
        self.blocks = list(standing.blocks)
        for name, frontier in self.frontiers.items():
            frontier.go_to(standing.places[name])

    def take(self, index: int) -> None:
        """Take step `index` of `count`."""
        if index < len(self._scene.alignment.steps):
            self._merge(index, self._scene.alignment.steps[index])
            return
        for frontier in self.frontiers.values():
            frontier.reach(None)
            self._advance(1)

    def _merge(self, index: int, step: Step) -> None:
        """Merge the layers of one step."""
        for opening in self._scene.alignment.openings:
            if opening.place == index:
                self._open(opening.step)
        for name, frontier in self.frontiers.items():
            frontier.reach(step.nodes[name])
        inputs = self._inputs(step)
        count = self._scene.counts[step.group]
        ready = self._ahead.pop(self._key(step), None) or self._prepare(step, inputs, count > 0)
        if step.group not in self.plans:
            self._decide(step, ready, inputs, count)
        count = self.plans[step.group].shared
        orders = self._orders(step)
        if count == 0 or not _has_shared_inputs(ready):
            self._pass_private(step, ready, orders)
        else:
            self._pass_merged(step, ready, orders)

    def _open(self, step: Step) -> None:
        """Decide on channels before layers that are not alike, which stay private."""
        count = self._scene.counts[step.group]
        ready, inputs = {}, {}
        for name, frontier in self.frontiers.items():
            node = step.nodes[name]
            frontier.reach(node)
            inputs[name] = frontier.inputs(node).private()
            ready[name] = frontier.prepare(node, inputs[name], count > 0)
        self._decide(step, ready, inputs, count)

    def _key(self, step: Step) -> str:
        return step.nodes[self._scene.tasks[0].name]

    def _prepare(self, step: Step, inputs: dict[str, Inputs], shares: bool) -> dict[str, Ready]:
        ready = {}
        for name, frontier in self.frontiers.items():
            ready[name] = frontier.prepare(step.nodes[name], inputs[name], shares)
            self._advance(1)
        return ready

    def _inputs(self, step: Step) -> dict[str, Inputs]:
        """What each task's layer reads; shared only where all tasks share it in the same places."""
        frontiers = self.frontiers.items()
        if not self._correspond(step):
            return {name: each.inputs(step.nodes[name]).private() for name, each in frontiers}
        for name, frontier in frontiers:
            source = frontier.source(step.nodes[name])
            if frontier.channels.segments(source) is None:
                frontier.share_as_it_is(source)
        return {name: each.inputs(step.nodes[name]) for name, each in frontiers}

    def _correspond(self, step: Step) -> bool:
        seen = [self._sources(name, step.nodes[name]) for name in self.frontiers]
        return all(each is not None and each == seen[0] for each in seen)

    def _sources(self, name: str, node: str) -> list[tuple[object, int]] | None:
        """Which groups a layer reads, and how spread; the raw input counts with its width."""
        frontier = self.frontiers[name]
        source = frontier.source(node)
        layer = frontier.graph.layers[node]
        if source in frontier.channels.raw:
            width = frontier.graph.shapes[source][layer.axis]
            return [("raw", width)] if self._config.share_inputs else None
        segments = frontier.channels.segments(source)
        if segments is None:
            return [("not understood", frontier.graph.shapes[source][layer.axis])]
        alignment = self._scene.alignment
        return [(alignment.group_of(name, each.space), each.columns) for each in segments]

    def _decide(
        self, step: Step, ready: dict[str, Ready], inputs: dict[str, Inputs], count: int
    ) -> None:
        """Which channels of the group become one, at the first layer that writes them."""
        group = self._scene.alignment.groups[step.group]
        if any(each.has_assumed(group.spaces[name]) for name, each in self.frontiers.items()):
            count = 0  # something before this layer has the channels in their own order already
        scales = self._scales(step, ready)
        chosen = [torch.zeros(0, dtype=torch.long)] * len(ready)
        if count:
            chosen = self._pair(step, ready, inputs, count)
            count = len(chosen[0])
        for (name, frontier), picked_channels in zip(self.frontiers.items(), chosen, strict=True):
            kept = scales[name] if self._keeps_scales(step) else None
            frontier.set_order(
                group.spaces[name], _order(picked_channels, group.widths[name], kept)
            )
        self.plans[step.group] = GroupPlan(
            name=group.name,
            layers=group.layers,
            groups={n: tuple(c.tolist()) for n, c in zip(ready, chosen, strict=True)},
            of=group.widths,
            costs=(0.0,) * count,
        )

    def _pair(
        self, step: Step, ready: dict[str, Ready], inputs: dict[str, Inputs], count: int
    ) -> list[torch.Tensor]:
        """The channels that become one, in units."""
        group = self._scene.alignment.groups[step.group]
        limit = self._scene.limits[step.group] if self._correspond(step) else None
        if group.rigid:
            in_place = [torch.arange(count) for _ in ready]
            if limit is None:
                return in_place
            if _is_grouped(ready):
                return [each[:0] for each in in_place]
            candidates = self._candidates(step, ready, inputs, 1)
            return all_or_none(candidates, in_place, self._method.merge, limit)
        units = self._pair_units(step, ready, inputs, count // group.unit)
        return [_channels(each, group.unit) for each in units]

    def _pair_units(
        self, step: Step, ready: dict[str, Ready], inputs: dict[str, Inputs], count: int
    ) -> list[torch.Tensor]:
        """Where no input is shared yet, all inputs are compared; if they differ, the power."""
        unit = self._scene.alignment.groups[step.group].unit
        limit = self._scene.limits[step.group] if self._correspond(step) else None
        compares_all = not _has_shared_inputs(ready)
        if compares_all and len({_window(each) for each in ready.values()}) > 1:
            most = count if limit is None else 0
            return [_by_power(each, most, unit) for each in ready.values()]
        candidates = self._candidates(step, ready, inputs, unit)
        picked = self._method.pair(step.group, candidates, count)
        chosen = [torch.from_numpy(each).long() for each in picked]
        if limit is None:
            return chosen
        return cheap_groups(candidates, chosen, self._method.merge, limit)

    def _candidates(
        self, step: Step, ready: dict[str, Ready], inputs: dict[str, Inputs], unit: int
    ) -> list[Candidates]:
        """The units that the layer writes, with what later layers write of them from its inputs."""
        compares_all = not _has_shared_inputs(ready)
        for later in self._twins(step):
            self._ahead[self._key(later)] = self._prepare(later, inputs, shares=True)
        looked_at = [(step, ready)]
        looked_at += [(each, self._ahead[self._key(each)]) for each in self._twins(step)]
        found = []
        for name in ready:
            parts = []
            for each, known in looked_at:
                scales = self._scales(each, known)[name]
                candidate = _candidate(known[name], scales, self._config.damping, compares_all)
                parts.append(_in_units(candidate.weights, known[name].part.layer, unit))
            together = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
            weights = together.squeeze(1) if together.shape[1] == 1 else together
            found.append(Candidates(candidate.moment, weights))
        return found

    def _twins(self, step: Step) -> list[Step]:
        """Later steps that write the same channels from the very same inputs."""
        steps = self._scene.alignment.steps
        if step not in steps:
            return []
        return [
            later
            for later in steps[steps.index(step) + 1 :]
            if later.group == step.group
            and all(
                frontier.source(later.nodes[name]) == frontier.source(step.nodes[name])
                and not frontier.graph.layers[later.nodes[name]].is_grouped
                for name, frontier in self.frontiers.items()
            )
        ]

    def _scales(self, step: Step, ready: dict[str, Ready]) -> dict[str, torch.Tensor]:
        """(N,) what each task's channels are multiplied by before they are matched and merged."""
        moments = {n: e.moments for n, e in ready.items() if isinstance(e.moments, Moments)}
        if len(moments) == len(ready):
            if self._has_affine(step):
                return {name: 1 / deviation(each) for name, each in moments.items()}
            if self._keeps_scales(step):
                return self._balanced(step, ready)
        return {
            name: torch.ones(each.part.layer.outputs, dtype=torch.float64)
            for name, each in ready.items()
        }

    def _balanced(self, step: Step, ready: dict[str, Ready]) -> dict[str, torch.Tensor]:
        readers = {name: _reader(each, step, name) for name, each in self.frontiers.items()}
        if not _has_shared_inputs(ready):
            return {n: balance(_power(each), readers[n]) for n, each in ready.items()}
        plain = {n: _candidate(e, None, self._config.damping) for n, e in ready.items()}
        pooled = total([each.moment for each in plain.values()]).scaled(1 / len(plain))
        return {n: balance(pooled.power(e.weights), readers[n]) for n, e in plain.items()}

    def _has_affine(self, step: Step) -> bool:
        """Whether each task scales and shifts what the layer shares in its own way."""
        if self._config.affine == "normalized":
            return any(
                frontier.graph.layers[step.nodes[name]].normalized
                for name, frontier in self.frontiers.items()
            )
        return self._config.affine == "all"

    def _keeps_scales(self, step: Step) -> bool:
        """Whether scaled channels may stay scaled: ReLU, pooling, one reader and nothing else."""
        if self._has_affine(step) or not self._config.refit:
            return False
        return all(
            handover(frontier.channels, step.nodes[name]) is not None
            for name, frontier in self.frontiers.items()
        )

    def _orders(self, step: Step) -> dict[str, Order]:
        group = self._scene.alignment.groups[step.group]
        found = {}
        for name, frontier in self.frontiers.items():
            order = frontier.order(group.spaces[name])
            if order is None:
                raise ValueError(f"group {group.name} was not decided")
            found[name] = order
        return found

    def _pass_private(self, step: Step, ready: dict[str, Ready], orders: dict[str, Order]) -> None:
        for name, frontier in self.frontiers.items():
            frontier.pass_unshared(step.nodes[name], ready[name], orders[name])

    def _pass_merged(self, step: Step, ready: dict[str, Ready], orders: dict[str, Order]) -> None:
        merging = self._merge_groups if _is_grouped(ready) else self._merge_dense
        rows = _rows(ready, orders)
        parts, merged, costs, power = merging(step, ready, rows)
        plan = self.plans[step.group]
        layer = next(iter(ready.values())).part.layer
        by_channel = costs.reshape(layer.parts, -1, layer.columns).sum((0, 2))
        costs_so_far = tuple(a + b for a, b in zip(plan.costs, by_channel.tolist(), strict=True))
        self.plans[step.group] = plan.model_copy(
            update={"costs": costs_so_far, "power": plan.power + power}
        )
        specs, joint = apply(parts, rows, merged)
        if self._config.refit and self._config.reconstruct_steps:
            self._reconstruct(step, joint, orders)
        self._pass(step, specs, joint)

    def _pass(self, step: Step, specs: dict[str, LayerSpec], layer: JointLayer) -> None:
        self.blocks.append((step, layer))
        for name, frontier in self.frontiers.items():
            frontier.pass_layer(step.nodes[name], specs[name], layer.tasks[name], differs=True)

    def _merge_dense(
        self, step: Step, ready: dict[str, Ready], orders: dict[str, Order]
    ) -> tuple[dict[str, TaskLayer], Merged, torch.Tensor, float]:
        affine = self._has_affine(step)
        scales = self._scales(step, ready) if affine else _kept_scales(orders)
        parts = {
            name: _scaled(each.part, orders[name], scales[name]) for name, each in ready.items()
        }
        damping = self._config.damping
        moments = [_moment(each, each.part.shared_columns, damping) for each in ready.values()]
        members = [_members(each.part, orders[n], scales[n]) for n, each in ready.items()]
        has_bias = affine or any(each.has_bias for each in parts.values())
        found = self._split(moments, members, moments[0].size - (not has_bias))
        vectors, added = found.shared, dict(zip(parts, found.added, strict=False))
        affines = {}
        if affine:
            for name, part in parts.items():
                rows = vectors + added.get(name, 0)
                affines[name] = _affine(ready[name], part, orders[name], rows)
        power = sum(float(h.power(w).sum()) for h, w in zip(moments, members, strict=True))
        costs = cost(moments, less(members, found.added), vectors)
        return parts, Merged(vectors, affines, added), costs, power

    def _split(
        self, moments: list[SecondMoment], members: list[torch.Tensor], columns: int
    ) -> Split:
        """What is shared and what is added; the shared part as pruned as its members."""
        found = self._method.split(moments, members, columns)
        solves = bool(self._config.refit)
        vectors = prune_merged(found.shared, members, moments, self._config.mask, solves)
        if vectors is found.shared or not found.added:
            return Split(vectors, found.added)
        places = [each != 0 for each in found.added]
        return Split(vectors, values_of(moments, members, vectors, places))

    def _merge_groups(
        self, step: Step, ready: dict[str, Ready], orders: dict[str, Order]
    ) -> tuple[dict[str, TaskLayer], Merged, torch.Tensor, float]:
        moments, members = [], []
        for name, each in ready.items():
            if not isinstance(each.moments, ChannelMoments):
                raise TypeError("a layer in groups has moments by output")
            chosen = _shared(orders[name])
            moments.append(each.weight * damped(each.moments.inputs[chosen], self._config.damping))
            members.append(each.part.weights[chosen])
        if self._method.weighs_errors:
            vectors = merge_channels(moments, members)
        else:
            vectors = self._method.merge((), members)
        costs = channel_costs(moments, members, vectors)
        how = "larger" if self._config.mask == "strongest" else self._config.mask
        vectors = prune_merged(vectors, members, (), how, solves=False)
        power = sum(
            float(torch.einsum("sp,spq,sq->", w, h, w))
            for h, w in zip(moments, members, strict=True)
        )
        return {n: each.part for n, each in ready.items()}, Merged(vectors, {}), costs, power

    def _reconstruct(self, step: Step, layer: JointLayer, orders: dict[str, Order]) -> None:
        sides = [
            frontier.side(step.nodes[name], layer.tasks[name], orders[name])
            for name, frontier in self.frontiers.items()
        ]
        known = [each for each in sides if each is not None]
        if len(known) == len(sides):
            reconstruct(known, self._config.reconstruct_steps)


def _kept_scales(orders: dict[str, Order]) -> dict[str, torch.Tensor]:
    """(N,) by original channel: what the channels of a decided group are multiplied by."""
    found = {}
    for name, order in orders.items():
        found[name] = torch.empty_like(order.scales)
        found[name][order.order] = order.scales
    return found


def _reader(frontier: Frontier, step: Step, name: str) -> torch.Tensor:
    found = handover(frontier.channels, step.nodes[name])
    if found is None:
        raise ValueError("only a layer with one reader is balanced")
    return found.reader_columns(frontier.graph)


def _by_power(ready: Ready, count: int, unit: int) -> torch.Tensor:
    """The `count` units of most power, the largest first."""
    power = _in_units(_power(ready)[:, None], ready.part.layer, unit).sum((1, 2))
    return power.argsort(descending=True, stable=True)[:count]


def _power(ready: Ready) -> torch.Tensor:
    """(N,) the mean square of each channel before activation."""
    if not isinstance(ready.moments, Moments):
        raise TypeError("a layer that opens a group has moments")
    return ready.moments.target_power


def _window(ready: Ready) -> tuple[tuple[int, ...], int, int]:
    """A layer's kernel, and how many inputs, and outputs for each channel, it has: what must be
    equal to compare weights.
    """
    layer = ready.part.layer
    kernel = () if layer.geometry is None else layer.geometry.kernel
    return kernel, ready.part.weights.shape[1], layer.per_channel


def _candidate(
    ready: Ready, scales: torch.Tensor | None, damping: float, compares_all: bool = False
) -> Candidates:
    """What is matched: the weights from shared inputs, and those inputs' second moment."""
    columns = ready.part.shared_columns | compares_all
    weights = ready.part.weights if columns.all() else ready.part.weights[:, columns]
    if scales is not None:
        weights = weights * scales[:, None].to(weights.dtype)
    return Candidates(_moment(ready, columns, damping), weights)


def _moment(ready: Ready, columns: torch.Tensor, damping: float) -> SecondMoment:
    """Of these inputs, damped."""
    if not isinstance(ready.moments, Moments):
        raise TypeError("a layer that opens a group has moments")
    moment = ready.moments.inputs
    moment = moment if columns.all() else moment.at(columns.nonzero().flatten())
    return moment.damped(damping).scaled(ready.weight)


def _members(part: TaskLayer, order: Order, scales: torch.Tensor) -> torch.Tensor:
    """(S, shared P) the neurons that are merged, scaled."""
    rows, columns = _shared(order), part.shared_columns
    weights = part.weights[rows]
    weights = weights if columns.all() else weights[:, columns]
    return weights.mul_(scales[rows, None].to(weights.dtype))


def _affine(
    ready: Ready, part: TaskLayer, order: Order, vectors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift of a task's shared outputs, from what it really gets: (S,) each."""
    if not isinstance(ready.moments, Moments):
        raise TypeError("a layer that is scaled has moments")
    rows = part.weights[_shared(order)].clone()
    rows[:, part.shared_columns] = vectors
    return fit_affine(ready.moments, _shared(order), rows)


def _in_units(rows: torch.Tensor, layer: Layer, unit: int) -> torch.Tensor:
    """(units, outputs of a unit, P) from rows (outputs, P): all parts of a unit together."""
    parts = rows.reshape(layer.parts, layer.channels // unit, -1, rows.shape[1])
    return parts.movedim(0, 1).flatten(1, 2)


def _channels(units: torch.Tensor, unit: int) -> torch.Tensor:
    return (units[:, None] * unit + torch.arange(unit)).flatten()


def _rows(ready: dict[str, Ready], orders: dict[str, Order]) -> dict[str, Order]:
    """The order of each layer's outputs, which may be several to a channel."""
    layers = {name: each.part.layer for name, each in ready.items()}
    return {name: orders[name].rows(each.parts, each.columns) for name, each in layers.items()}


def _order(chosen: torch.Tensor, width: int, scales: torch.Tensor | None) -> Order:
    taken = torch.zeros(width, dtype=torch.bool)
    taken[chosen] = True
    order = torch.cat([chosen, (~taken).nonzero().flatten()])
    factors = torch.ones(width, dtype=torch.float64)
    if scales is not None:
        factors[: len(chosen)] = scales[chosen]
    return Order(len(chosen), order, factors)


def _shared(order: Order) -> torch.Tensor:
    return order.order[: order.shared]


def _scaled(part: TaskLayer, order: Order, scales: torch.Tensor) -> TaskLayer:
    """The part with what stays the task's of merged neurons scaled, all others as they were."""
    if part.shared_columns.all():
        return part
    factors = torch.ones_like(scales)
    rows = _shared(order)
    factors[rows] = scales[rows]
    if (factors == 1).all():
        return part
    return replace(part, weights=part.weights * factors[:, None].to(part.weights.dtype))


def _has_shared_inputs(ready: dict[str, Ready]) -> bool:
    return all(
        each.part.layer.is_grouped or bool(each.part.inputs.is_shared.any())
        for each in ready.values()
    )


def _is_grouped(ready: dict[str, Ready]) -> bool:
    return all(each.part.layer.is_grouped for each in ready.values())
