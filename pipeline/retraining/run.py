"""A training of the joint network that can stop after any iteration and go on there."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import torch
from torch import nn

from taskzip.contracts.document import Document
from taskzip.contracts.names import Count, TaskName
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.retraining.augment import Augment
from taskzip.pipeline.retraining.examples import Examples
from taskzip.pipeline.retraining.normalized import fold, normalize, statistics
from taskzip.pipeline.retraining.shuffle import Shuffle, seeded
from taskzip.pipeline.retraining.side import Side
from taskzip.pipeline.zipper.masks import KeptZeros

CHECK_EVERY = 25
"""Iterations between two looks at the held-out examples; more in a training of more than CHECKS."""
CHECKS = 60

STATISTICS_PARTS = 16
"""Of a task's examples, 32 each: what batch norms begin with."""

_AUGMENTED = 1
"""Tells the chance of augmentation from that of the order."""

Tensors = dict[str, torch.Tensor]


class Standing(Document):
    """How far it is."""

    iteration: Count
    """How many were done."""
    checked: Count
    """After which one the held-out examples were looked at last."""
    best: Count
    """After which one their loss was the lowest."""
    first_losses: dict[TaskName, float]
    best_losses: dict[TaskName, float]


class Run:
    """Changes the parameters of `joint`; `standing`, `tensors` and `go_on_from` keep the rest."""

    def __init__(self, joint: nn.Module, sides: Sequence[Side], config: RetrainConfig) -> None:
        self._sides = sides
        self._config = config
        self._check_every = max(CHECK_EVERY, config.iterations // CHECKS)
        self._augment = Augment.of(config)
        if config.batch_norm:
            for side in sides:
                normalize(side.network, _some(side.learned))
        self._joint = joint
        self._parameters = {n: p for n, p in joint.named_parameters() if p.requires_grad}
        self._tensors = self._parameters | statistics(joint)
        self._zeros = KeptZeros(self._parameters.values())
        self._optimizer = _optimizer(list(self._parameters.values()), config)
        self._shuffles = [
            Shuffle(len(side.learned), config.batch_size, (config.seed, index))
            for index, side in enumerate(sides)
        ]
        losses = self._losses()
        self.standing = Standing(
            iteration=0, checked=0, best=0, first_losses=losses, best_losses=losses
        )
        self._best = self._copies()

    @property
    def stopped_early(self) -> bool:
        """Whether the held-out loss has not fallen for too long."""
        patience, now = self._config.patience, self.standing
        is_last = now.iteration == self._config.iterations
        return patience > 0 and not is_last and now.checked - now.best >= patience

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.standing.iteration >= self._config.iterations or self.stopped_early

    def step(self) -> None:
        """One batch of every task, and one step."""
        done = self.standing.iteration
        for group in self._optimizer.param_groups:
            group["lr"] = _rate(self._config, done)
        self._optimizer.zero_grad()
        for index, side in enumerate(self._sides):
            batch = self._batch(index, done)
            side.network.train(self._config.batch_norm)
            with torch.enable_grad():
                loss = side.weight * side.learning_loss(batch)
            loss.backward()
        self._optimizer.step()
        self._zeros.restore()
        self.standing = self.standing.model_copy(update={"iteration": done + 1})
        if (done + 1) % self._check_every == 0 or done + 1 == self._config.iterations:
            self._check()

    def finish(self) -> None:
        """Leave the best weights in the network."""
        self._optimizer.zero_grad()
        _fill(self._tensors, self._best)
        fold(self._joint)
        self._joint.eval()

    def tensors(self) -> Tensors:
        """All that goes on changes, by name."""
        found = _under("now", self._tensors) | _under("best", self._best)
        for name, parameter in self._parameters.items():
            state = self._optimizer.state[parameter]
            kept = {key: each for key, each in state.items() if isinstance(each, torch.Tensor)}
            found |= {f"optimizer/{key}/{name}": each for key, each in kept.items()}
        return found

    def go_on_from(self, standing: Standing, tensors: Tensors) -> None:
        """Go on where a run of the same network, data and config was."""
        self.standing = standing
        _fill(self._tensors, _below("now", tensors))
        _fill(self._best, _below("best", tensors))
        for place, value in _below("optimizer", tensors).items():
            key, _, name = place.partition("/")
            self._optimizer.state[self._parameters[name]][key] = value

    def _batch(self, index: int, iteration: int) -> Examples:
        side = self._sides[index]
        batch = side.learned.at(self._shuffles[index].batch(iteration))
        if self._augment is None:
            return batch
        return side.augmented(
            batch, self._augment, seeded(self._config.seed, index, iteration, _AUGMENTED)
        )

    def _check(self) -> None:
        losses, now = self._losses(), self.standing
        update: dict[str, object] = {"checked": now.iteration}
        if self._sum(losses) < self._sum(now.best_losses):
            update |= {"best": now.iteration, "best_losses": losses}
            self._best = self._copies()
        self.standing = now.model_copy(update=update)

    def _losses(self) -> dict[str, float]:
        return {side.name: side.held_out_loss() for side in self._sides}

    def _sum(self, losses: Mapping[str, float]) -> float:
        return sum(side.weight * losses[side.name] for side in self._sides)

    def _copies(self) -> Tensors:
        return {name: each.detach().clone() for name, each in self._tensors.items()}


def _some(learned: Examples) -> Iterator[torch.Tensor]:
    """The first inputs, by which statistics begin."""
    parts = islice(learned.parts(), STATISTICS_PARTS)
    yield from (each.inputs for each in parts)


def _optimizer(parameters: list[nn.Parameter], config: RetrainConfig) -> torch.optim.Optimizer:
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, config.rate, config.momentum, weight_decay=config.weight_decay
        )
    betas = (config.momentum, 0.999)
    return torch.optim.AdamW(parameters, config.rate, betas, weight_decay=config.weight_decay)


def _rate(config: RetrainConfig, iteration: int) -> float:
    if config.schedule == "constant":
        return config.rate
    return config.rate * (1 + math.cos(math.pi * iteration / config.iterations)) / 2


@torch.no_grad()
def _fill(into: Mapping[str, torch.Tensor], values: Tensors) -> None:
    for name, tensor in into.items():
        tensor.copy_(values[name])


def _under(place: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    return {f"{place}/{name}": each.detach() for name, each in tensors.items()}


def _below(place: str, tensors: Tensors) -> Tensors:
    start = f"{place}/"
    return {
        name.removeprefix(start): each for name, each in tensors.items() if name.startswith(start)
    }
