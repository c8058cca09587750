"""What channels are multiplied by before they are matched and merged.

Letters: N channels of a task.
"""

from collections.abc import Mapping

import torch

from taskzip.contracts.config import ZipConfig
from taskzip.pipeline.zipper.affine import deviation
from taskzip.pipeline.zipper.align import Step
from taskzip.pipeline.zipper.balance import balance
from taskzip.pipeline.zipper.frontier import Frontier
from taskzip.pipeline.zipper.gather import Moments
from taskzip.pipeline.zipper.handover import handover
from taskzip.pipeline.zipper.order import Order
from taskzip.pipeline.zipper.ready import Ready, candidate, has_shared_inputs, power
from taskzip.pipeline.zipper.second_moment import total

MOST_ROWS = 512
"""Of each task: a scale is the fourth root of a mean square, which needs no more."""


class Scales:
    """Of a step's layers: so that each task scales them back, or so that the next layer does."""

    def __init__(
        self, config: ZipConfig, frontiers: Mapping[str, Frontier], weighs_errors: bool
    ) -> None:
        self._config = config
        self._frontiers = frontiers
        self._weighs_errors = weighs_errors

    def of(self, step: Step, ready: Mapping[str, Ready]) -> dict[str, torch.Tensor]:
        """(N,) for each task."""
        moments = {n: e.moments for n, e in ready.items() if isinstance(e.moments, Moments)}
        if len(moments) == len(ready):
            if self.has_affine(step):
                return {
                    name: 1 / (deviation(each) if self._weighs_errors else _lengths(ready[name]))
                    for name, each in moments.items()
                }
            if self.stay(step):
                return self._balanced(step, ready)
        return {
            name: torch.ones(each.part.layer.outputs, dtype=torch.float64)
            for name, each in ready.items()
        }

    def has_affine(self, step: Step) -> bool:
        """Whether each task scales and shifts what the layer shares in its own way."""
        if self._config.affine == "normalized":
            return any(
                frontier.graph.layers[step.nodes[name]].normalized
                for name, frontier in self._frontiers.items()
            )
        return self._config.affine == "all"

    def stay(self, step: Step) -> bool:
        """Whether scaled channels may stay scaled: ReLU, pooling, one reader and nothing else."""
        if self.has_affine(step) or not self._config.refit:
            return False
        return all(
            handover(frontier.channels, step.nodes[name]) is not None
            for name, frontier in self._frontiers.items()
        )

    def _balanced(self, step: Step, ready: Mapping[str, Ready]) -> dict[str, torch.Tensor]:
        readers = {name: _reader(each, step, name) for name, each in self._frontiers.items()}
        if not has_shared_inputs(ready):
            return {n: balance(power(each), readers[n]) for n, each in ready.items()}
        plain = {n: candidate(e, None, self._config.damping) for n, e in ready.items()}
        moments = [each.moment.thinned(MOST_ROWS) for each in plain.values()]
        pooled = total(moments).scaled(1 / len(plain))
        return {n: balance(pooled.power(e.weights), readers[n]) for n, e in plain.items()}


def _lengths(ready: Ready) -> torch.Tensor:
    """(N,) of each channel's weights without the bias; 1 where all are 0.

    What merges weights as they are merges directions: outputs of unlike networks can differ in size
    by an order of magnitude, and with them what they would weigh.
    """
    lengths = ready.part.weights[:, :-1].double().norm(dim=1)
    return torch.where(lengths > 0, lengths, torch.ones_like(lengths))


def kept_scales(orders: Mapping[str, Order]) -> dict[str, torch.Tensor]:
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
