"""Batches from a user's functions, checked while they pass."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.weights import first_not_finite


@dataclass(frozen=True)
class CheckedInputs:
    """Calls `function` anew each time; yields its batches (n, …) of floats or raises BadInput."""

    function: Callable[[], Any]
    source: str
    """How messages call the function: task and `module:function`."""

    def __call__(self) -> Iterator[torch.Tensor]:
        """Yield the batches; at least one."""
        shape: tuple[int, ...] | None = None
        for index, batch in enumerate(_items(self.function, self.source)):
            where = f"{self.source}: batch {index}"
            shape = _check_inputs(batch, shape, where)
            yield batch
        if shape is None:
            raise BadInput(f"{self.source}: yields no batch; at least one is needed")


@dataclass(frozen=True)
class CheckedExamples:
    """As CheckedInputs, for pairs of inputs (n, …) and labels; what yields inputs alone gives pairs
    without labels.

    Labels are classes (n,), whole numbers; unless they `are_classes`, a tensor (n, …) of anything.
    """

    function: Callable[[], Any]
    source: str
    are_classes: bool = True

    def __call__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """Yield the pairs; at least one."""
        shape: tuple[int, ...] | None = None
        for index, item in enumerate(_items(self.function, self.source)):
            where = f"{self.source}: batch {index}"
            inputs, labels = (item, None) if isinstance(item, torch.Tensor) else _pair(item, where)
            shape = _check_inputs(inputs, shape, where)
            if labels is not None:
                check = _check_labels if self.are_classes else _check_targets
                check(labels, len(inputs), where)
            yield inputs, labels
        if shape is None:
            raise BadInput(f"{self.source}: yields no batch; at least one is needed")


def _items(function: Callable[[], Any], source: str) -> Iterator[Any]:
    index = 0
    try:
        iterable: Iterable[Any] = function()
        for item in iterable:
            yield item
            index += 1
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(
            f"{source}: failed at batch {index} with {type(error).__name__}: {error}"
        ) from error


def _check_inputs(batch: Any, shape: tuple[int, ...] | None, where: str) -> tuple[int, ...]:
    if not isinstance(batch, torch.Tensor):
        raise BadInput(f"{where} is {_kind(batch)}; a tensor is needed")
    if batch.dim() < 2 or batch.numel() == 0:  # noqa: PLR2004  # batch and features
        raise BadInput(
            f"{where} is empty or has no batch dimension: its shape is {tuple(batch.shape)}"
        )
    if batch.dtype != torch.float32:
        raise BadInput(f"{where} is {batch.dtype}; torch.float32 is needed, try batch.float()")
    if shape is not None and tuple(batch.shape[1:]) != shape:
        raise BadInput(
            f"{where} has inputs of shape {tuple(batch.shape[1:])}, those before have {shape}"
        )
    index = first_not_finite(batch)
    if index is not None:
        raise BadInput(f"{where} is {batch[index].item()} at index {index}")
    return tuple(batch.shape[1:])


def _pair(item: Any, where: str) -> tuple[Any, Any]:
    if not isinstance(item, (tuple, list)) or len(item) != 2:  # noqa: PLR2004  # a pair
        raise BadInput(f"{where} is {_kind(item)}; a pair (inputs, labels) is needed")
    return item[0], item[1]


def _check_targets(labels: Any, count: int, where: str) -> None:
    if not isinstance(labels, torch.Tensor) or labels.dim() == 0 or len(labels) != count:
        raise BadInput(
            f"{where}: labels are {_kind(labels)}, shape {tuple(getattr(labels, 'shape', ()))}; "
            f"a tensor with {count} rows is needed, one for each input"
        )


def _check_labels(labels: Any, count: int, where: str) -> None:
    if not isinstance(labels, torch.Tensor):
        raise BadInput(f"{where}: labels are {_kind(labels)}; a tensor is needed")
    if tuple(labels.shape) != (count,) or labels.is_floating_point():
        raise BadInput(
            f"{where}: labels have shape {tuple(labels.shape)} and type {labels.dtype}; "
            f"{count} whole numbers are needed, one for each input"
        )


def _kind(value: object) -> str:
    return f"of type {type(value).__name__}"
