"""How far a task's answers are from their targets.

Letters: n examples, C classes.
"""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from taskzip.contracts.errors import BadInput
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.task import Task

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Answers (n, …) and targets (n, …) → their mean loss ()."""


def loss_of(task: Task, config: RetrainConfig, targets: torch.Tensor) -> Loss:
    """The loss that the task asks for, else the config; BadInput where `targets` (n, …) cannot
    have it.
    """
    if config.target == "labels":
        return cross_entropy
    name = task.loss or config.loss
    if name == "squared":
        return _Squared(targets)
    if name == "absolute":
        return _Absolute(targets)
    if targets.dim() < 2 or targets.shape[1] < 2:  # noqa: PLR2004  # (n, C), more than one class
        raise BadInput(
            f"task {task.name}: outputs of shape {tuple(targets.shape)} are no class scores, which "
            'are (n, classes, …); set loss = "squared" or "absolute" in its [[tasks]], or '
            "retrain.loss for all"
        )
    return _Divergence(config.temperature)


class _Divergence:
    """T² KL(softmax(target / T) ‖ softmax(answer / T)) (Hinton, Vinyals, Dean 2015, section 2)."""

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature

    def __call__(self, answers: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(n, C, …) both."""
        wanted, got = (log_softmax(each / self._temperature, 1) for each in (targets, answers))
        each_class = kl_div(got, wanted, reduction="none", log_target=True)
        return each_class.sum(1).mean() * self._temperature**2


class _Squared:
    """E (answer − target)² / E (target − its mean over all inputs)²: 1 for an answer that knows
    nothing of the input.
    """

    def __init__(self, targets: torch.Tensor) -> None:
        varying = (targets - targets.mean(0)).square().mean()
        self._scale = _at_least(varying, targets.square().mean())

    def __call__(self, answers: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(n, …) both."""
        return (answers - targets).square().mean() / self._scale


class _Absolute:
    """E |answer − target| / E |target − its mean over all inputs|: what is twice as far off counts
    twice as much, with `_Squared` four times.
    """

    def __init__(self, targets: torch.Tensor) -> None:
        varying = (targets - targets.mean(0)).abs().mean()
        self._scale = _at_least(varying, targets.abs().mean())

    def __call__(self, answers: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(n, …) both."""
        return (answers - targets).abs().mean() / self._scale


def _at_least(varying: torch.Tensor, size: torch.Tensor) -> float:
    """What targets vary by, or the rounding of their size where they do not."""
    limits = torch.finfo(varying.dtype)
    return float(torch.maximum(varying, limits.eps * size + limits.tiny))
