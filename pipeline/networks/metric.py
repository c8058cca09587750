"""What counts as an error of a network's answers. Letters: n answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.weights import first_not_finite

Metric = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Answers (n, …) and what they should be → each one's error (n,) in percent."""


def wrong_class_percent(scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(n,) 0 or 100: whether the highest of scores (n, classes) is not the class that is wanted.

    `wanted` are classes (n,), or scores, of which the highest counts.
    """
    classes = wanted.argmax(1) if wanted.is_floating_point() else wanted
    return 100.0 * (scores.argmax(1) != classes)


@dataclass(frozen=True)
class CheckedMetric:
    """A user's measure of errors; what it raises or returns wrongly is BadInput."""

    function: Callable[[torch.Tensor, torch.Tensor], Any]
    source: str

    def __call__(self, answers: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """(n,) an error in percent for each of the answers (n, …)."""
        try:
            errors = self.function(answers, wanted)
        except Exception as error:
            raise BadInput(
                f"{self.source}: failed with {type(error).__name__}: {error}; it got answers of "
                f"shape {tuple(answers.shape)} and labels of shape {tuple(wanted.shape)}"
            ) from error
        if not isinstance(errors, torch.Tensor) or tuple(errors.shape) != (len(answers),):
            raise BadInput(
                f"{self.source}: returned type {type(errors).__name__}, shape "
                f"{tuple(getattr(errors, 'shape', ()))}; a tensor of shape ({len(answers)},) is "
                "needed, one error in percent for each answer"
            )
        index = first_not_finite(errors)
        if index is not None:
            raise BadInput(f"{self.source}: error {index[0]} is {errors[index].item()}")
        return errors
