"""All tasks' frontiers together, at one step of the alignment."""

from collections.abc import Callable, Mapping

import torch

from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.frontier import NOT_HOSTED, Frontier, PrivateLayer
from taskzip.pipeline.zipper.methods.method import Scene
from taskzip.pipeline.zipper.order import Inputs, Order
from taskzip.pipeline.zipper.ready import Ready


class Front:
    """Where all tasks stand; what their coming layers read, and what is known of those layers."""

    def __init__(
        self, scene: Scene, frontiers: dict[str, Frontier], advance: Callable[[int], None]
    ) -> None:
        """`advance` is told of each layer of a task whose data was looked at."""
        self.frontiers = frontiers
        self._scene = scene
        self._advance = advance
        self._ahead: dict[str, dict[str, Ready]] = {}
        """Steps that were looked at before their turn, by their first task's node."""

    def reach(
        self,
        step: Step | None,
        *,
        hosts: bool = False,
        advance: Callable[[int], None] = lambda moved: None,
    ) -> None:
        """Pass everything before a step's layers, None: the rest.

        If the first task `hosts` the others, their layers of the kinds that it has there begin as
        its own.
        """
        for name, frontier in self.frontiers.items():
            hosted = self._of_first(name) if hosts else NOT_HOSTED
            frontier.reach(None if step is None else step.nodes[name], hosted)
            advance(1)

    def ready(self, step: Step, inputs: dict[str, Inputs], shares: bool) -> dict[str, Ready]:
        """What is known of a step's layers, which are next."""
        return self._ahead.pop(self._key(step), None) or self._prepare(step, inputs, shares)

    def ahead(self, step: Step, inputs: dict[str, Inputs]) -> dict[str, Ready]:
        """The same of a later step, which has the inputs of the coming one."""
        found = self._prepare(step, inputs, shares=True)
        self._ahead[self._key(step)] = found
        return found

    def inputs(self, step: Step) -> dict[str, Inputs]:
        """What each task's layer reads; shared only where all tasks share it in the same places."""
        frontiers = self.frontiers.items()
        if not self.correspond(step):
            return {name: each.inputs(step.nodes[name]).private() for name, each in frontiers}
        for name, frontier in frontiers:
            source = frontier.source(step.nodes[name])
            if frontier.channels.segments(source) is None:
                frontier.share_as_it_is(source)
        return {name: each.inputs(step.nodes[name]) for name, each in frontiers}

    def correspond(self, step: Step) -> bool:
        """Whether all tasks' layers read the same groups, in the same places."""
        seen = [self._sources(name, step.nodes[name]) for name in self.frontiers]
        return all(each is not None and each == seen[0] for each in seen)

    def twins(self, step: Step) -> list[Step]:
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

    def assumes(self, step: Step) -> bool:
        """Whether something before the step takes its group's channels in their own order."""
        spaces = self._scene.alignment.groups[step.group].spaces
        return any(each.has_assumed(spaces[name]) for name, each in self.frontiers.items())

    def orders(self, step: Step) -> dict[str, Order]:
        """How each task's channels of the step's group lie: it was decided."""
        group = self._scene.alignment.groups[step.group]
        found = {}
        for name, frontier in self.frontiers.items():
            order = frontier.order(group.spaces[name])
            if order is None:
                raise ValueError(f"group {group.name} was not decided")
            found[name] = order
        return found

    def set_orders(
        self,
        step: Step,
        chosen: dict[str, torch.Tensor],
        scales: dict[str, torch.Tensor] | None,
    ) -> None:
        """Let each task's `chosen` (S,) channels come first, scaled by their `scales` (N,)."""
        group = self._scene.alignment.groups[step.group]
        for name, frontier in self.frontiers.items():
            kept = None if scales is None else scales[name]
            order = Order.with_first(chosen[name], group.widths[name], kept)
            frontier.set_order(group.spaces[name], order)

    def _of_first(self, name: str) -> Mapping[str, PrivateLayer]:
        """What the first task has for a task's layers; nothing for itself."""
        first = self._scene.tasks[0].name
        passed = self.frontiers[first].layers
        kept = () if name == first else self._scene.alignment.kept
        return {nodes[name]: passed[nodes[first]] for nodes in kept if nodes[first] in passed}

    def _key(self, step: Step) -> str:
        return step.nodes[self._scene.tasks[0].name]

    def _prepare(self, step: Step, inputs: dict[str, Inputs], shares: bool) -> dict[str, Ready]:
        ready = {}
        for name, frontier in self.frontiers.items():
            ready[name] = frontier.prepare(step.nodes[name], inputs[name], shares)
            self._advance(1)
        return ready

    def _sources(self, name: str, node: str) -> list[tuple[object, int]] | None:
        """Which groups a layer reads, and how spread; the raw input counts with its width."""
        frontier = self.frontiers[name]
        source = frontier.source(node)
        layer = frontier.graph.layers[node]
        if source in frontier.channels.raw:
            width = frontier.graph.shapes[source][layer.axis]
            return [("raw", width)] if self._scene.config.share_inputs else None
        segments = frontier.channels.segments(source)
        if segments is None:
            return [("not understood", frontier.graph.shapes[source][layer.axis])]
        alignment = self._scene.alignment
        return [(alignment.group_of(name, each.space), each.columns) for each in segments]
