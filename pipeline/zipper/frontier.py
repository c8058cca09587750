"""Where one task stands while it is zipped: the layers before are merged, the coming one is not.

Letters: N outputs, C input channels, P inputs of an output with the bias's constant 1.
"""

from dataclasses import dataclass

import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper.apply import TaskLayer
from taskzip.pipeline.zipper.chain import Chain, Layer
from taskzip.pipeline.zipper.layer_module import Split
from taskzip.pipeline.zipper.moments import gather
from taskzip.pipeline.zipper.plan import LayerPlan
from taskzip.pipeline.zipper.reconstruct import Side
from taskzip.pipeline.zipper.refit import refit
from taskzip.pipeline.zipper.stream import Stage, Stream


@dataclass(frozen=True)
class Ready:
    """The coming layer, its weights solved for the inputs that it will really get."""

    part: TaskLayer
    moment: torch.Tensor | None
    """(P, P) second moment of those inputs; None where nothing is solved or shared."""


class Frontier:
    """A task's place; `prepare`, `reorder` and `advance` take it from layer to layer."""

    def __init__(self, task: Task, chain: Chain, kept_bytes: int) -> None:
        self.chain = chain
        self._name = task.name
        self._stream = Stream(task.calibration, kept_bytes)
        self._stream.advance(Stage(op, op) for op in [op.module() for op in chain.lead])
        channels = chain.layers[0].inputs
        self._depth = 0
        self._moved = False
        self._order = torch.arange(channels)
        self._scales = torch.ones(channels, dtype=torch.float64)
        self._inputs = Split(shared=channels, own=0)

    @property
    def layer(self) -> Layer:
        """The coming layer, as it was."""
        return self.chain.layers[self._depth]

    @property
    def following(self) -> Layer:
        """The layer after the coming one, as it was."""
        return self.chain.layers[self._depth + 1]

    def prepare(self, shares: bool, config: ZipConfig) -> Ready:
        """The coming layer, refitted if anything before it was merged and the config says so."""
        weights = _matrix(self.layer, self._order, self._scales)
        solves = config.refit and self._moved
        has_bias = self.layer.bias is not None or solves
        if not solves and not shares:
            return Ready(TaskLayer(self.layer, self._inputs, weights, has_bias), None)
        moments = gather(self.layer, self._stream, config.seed + self._depth)
        if solves:
            weights = refit(weights, moments, config.refit_ridge)
        return Ready(TaskLayer(self.layer, self._inputs, weights, has_bias), moments.inputs)

    def side(self, joint: nn.Module, plan: LayerPlan, scales: torch.Tensor) -> Side:
        """The coming layer, merged into `joint`, and how the next one reads it."""
        order, factors = _outputs(plan, self._name, scales)
        reader = self.following.module()
        weights = _matrix(self.following, order, factors)[:, :-1]
        reader.load_state_dict(
            {"weight": weights.reshape(self.following.weight.shape)}, strict=False
        )
        ops = [op.module() for op in self.layer.ops]
        return Side(
            inputs=self._stream,
            original=nn.Sequential(self.layer.module(), *ops, self.following.module()),
            merged=nn.Sequential(joint, *ops, reader),
        )

    def advance(self, joint: nn.Module, plan: LayerPlan, scales: torch.Tensor) -> None:
        """Pass the coming layer, which `plan` merged into `joint`; `scales` (N,) of its neurons."""
        self._moved = self._moved or plan.shared > 0
        before = self.layer.module()
        ops = [op.module() for op in self.layer.ops]
        after = joint if self._moved else before
        self._stream.advance([Stage(before, after), *(Stage(op, op) for op in ops)])
        self._order, self._scales = _outputs(plan, self._name, scales)
        self._inputs = Split(shared=plan.shared, own=self.layer.outputs - plan.shared)
        self._depth += 1


def _outputs(plan: LayerPlan, task: str, scales: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A planned layer's channels in the joint order, and how often their original each one is."""
    order = torch.tensor(plan.order(task), dtype=torch.long)
    factors = scales[order]
    factors[plan.shared :] = 1
    return order, factors


def _matrix(layer: Layer, order: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """(N, P) float64 for inputs in `order` and `factors` times their originals; no bias is 0."""
    by_channel = layer.weight.double().reshape(layer.outputs, layer.inputs, layer.columns)
    turned = by_channel[:, order] / factors[:, None]
    bias = torch.zeros(layer.outputs) if layer.bias is None else layer.bias
    return torch.cat([turned.flatten(1), bias.double()[:, None]], dim=1)
