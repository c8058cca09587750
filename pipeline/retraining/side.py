"""A task in a training: what it answers, and how far that is from what it should."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from taskzip.pipeline.retraining.augment import Augment
from taskzip.pipeline.retraining.examples import Examples
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
    mixed_precision: bool = False
    """Whether both networks compute in bfloat16 what is learned."""

    @torch.no_grad()
    def augmented(self, batch: Examples, augment: Augment, generator: torch.Generator) -> Examples:
        """The batch with other inputs, and the original's answers to them."""
        inputs, labels = augment(batch.inputs, generator, batch.labels)
        return Examples(inputs, self._answers(self.original, inputs), labels)

    def learning_loss(self, batch: Examples) -> torch.Tensor:
        """The mean loss () of the network's answers, to learn by."""
        return self._loss_of(self._answers(self.network, batch.inputs), batch)

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """The mean loss over the held-out examples, in the precision of the parameters."""
        self.network.eval()
        parts = [
            (len(each), float(self._loss_of(self.network(each.inputs), each)))
            for each in self.held_out.parts()
        ]
        return sum(count * loss for count, loss in parts) / len(self.held_out)

    def _answers(self, network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.mixed_precision):
            answers: torch.Tensor = network(inputs)
        return answers.float() if self.mixed_precision else answers

    def _loss_of(self, answers: torch.Tensor, batch: Examples) -> torch.Tensor:
        loss = self.loss(answers, batch.targets)
        if batch.labels is None:
            return loss
        labels = cross_entropy(answers, batch.labels)
        return (1 - self.label_weight) * loss + self.label_weight * labels
