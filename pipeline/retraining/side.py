"""A task in a training: what it answers, and how far that is from what it should."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from taskzip.pipeline.retraining.augment import Augment
from taskzip.pipeline.retraining.examples import Examples
from taskzip.pipeline.retraining.features import unlikeness
from taskzip.pipeline.retraining.losses import Loss


@dataclass(frozen=True)
class Side:
    """One task: its network inside the joint one, and what it learns from."""

    name: str
    network: nn.Module
    original: nn.Module
    """Answers what was augmented."""
    learned: Examples
    held_out: Examples
    loss: Loss
    weight: float = 1.0
    """What the loss is multiplied by in the sum over tasks."""
    label_weight: float = 0.0
    """How much of the loss is that of labels, where there are some."""
    feature_weight: float = 0.0
    """How much the unlikeness of features is added with, where there are some."""
    mixed_precision: bool = False
    """Whether both networks compute in bfloat16 what is learned."""

    @torch.no_grad()
    def augmented(self, batch: Examples, augment: Augment, generator: torch.Generator) -> Examples:
        """The batch with other inputs, and the original's answers to them."""
        inputs, labels = augment(batch.inputs, generator, batch.labels)
        seen = self._seen(self.original, inputs)
        return Examples(inputs, seen.answers, labels, seen.features)

    def learning_loss(self, batch: Examples) -> torch.Tensor:
        """The mean loss () of the network's answers, to learn by."""
        return self._loss_of(self._seen(self.network, batch.inputs), batch)

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """The mean loss over the held-out examples, in the precision of the parameters."""
        self.network.eval()
        parts = [
            (len(each), float(self._loss_of(_Seen.of(self.network(each.inputs)), each)))
            for each in self.held_out.parts()
        ]
        return sum(count * loss for count, loss in parts) / len(self.held_out)

    def _seen(self, network: nn.Module, inputs: torch.Tensor) -> "_Seen":
        with torch.autocast("cpu", torch.bfloat16, enabled=self.mixed_precision):
            seen = _Seen.of(network(inputs))
        return seen.in_float32() if self.mixed_precision else seen

    def _loss_of(self, seen: "_Seen", batch: Examples) -> torch.Tensor:
        loss = self.loss(seen.answers, batch.targets)
        if batch.labels is not None:
            labels = cross_entropy(seen.answers, batch.labels)
            loss = (1 - self.label_weight) * loss + self.label_weight * labels
        if batch.features is not None and seen.features is not None:
            loss = loss + self.feature_weight * unlikeness(seen.features, batch.features)
        return loss


@dataclass(frozen=True)
class _Seen:
    """What a network answers (n, …), and its features (n, F) if it is watched."""

    answers: torch.Tensor
    features: torch.Tensor | None

    @classmethod
    def of(cls, given: torch.Tensor | tuple[torch.Tensor, torch.Tensor]) -> "_Seen":
        return cls(*given) if isinstance(given, tuple) else cls(given, None)

    def in_float32(self) -> "_Seen":
        features = None if self.features is None else self.features.float()
        return _Seen(self.answers.float(), features)
