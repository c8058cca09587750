"""Calibration data at one place of a graph, before and after merging, kept while it fits."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from taskzip.pipeline.networks.task import Batches

PART_IMAGES = 32
"""Batches are split, so that one layer's activations stay small however the data is batched."""

Values = dict[str, Any]
Pair = tuple[torch.Tensor, torch.Tensor]
Compute = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Stage:
    """A node of the original network and of the merged one; the same object if nothing differs."""

    name: str
    inputs: tuple[str, ...]
    original: Compute
    merged: Compute
    done_with: tuple[str, ...] = ()
    """Values that nothing needs after it."""

    def pass_through(self, part: "Part") -> None:
        """Add both results; computed once, as one object, where inputs and step are the same."""
        before, after = part
        result = self.original(before)
        same = self.original is self.merged and all(before[k] is after[k] for k in self.inputs)
        after[self.name] = result if same else self.merged(after)
        before[self.name] = result
        for name in self.done_with:
            before.pop(name, None)
            after.pop(name, None)


Part = tuple[Values, Values]


class Stream:
    """The values that are alive after the stages passed so far, part by part.

    What the deepest complete iteration gave is kept if it has at most `limit_bytes`; later
    iterations start from there instead of from the calibration data. While a new place is
    collected the old one is still held: at most 2 × `limit_bytes` in all.
    """

    def __init__(self, source: Batches, name: str, limit_bytes: int) -> None:
        self._source = source
        self._name = name
        self._limit_bytes = limit_bytes
        self._stages: list[Stage] = []
        self._kept: list[Part] | None = None
        self._kept_depth = 0

    def advance(self, stages: Iterable[Stage]) -> None:
        """Let the batches pass these stages too."""
        self._stages.extend(stages)

    def pairs(self, name: str) -> "Pairs":
        """One value, as the original and as the merged network has it, as often as needed."""
        return Pairs(self, name)

    @torch.no_grad()
    def __iter__(self) -> Iterator[Part]:
        """Yield each part of a batch with all values that are alive, original and merged."""
        depth = len(self._stages)
        collected: list[Part] | None = []
        collected_bytes = 0
        for part in self._through_remaining():
            collected_bytes += _bytes(part)
            if collected is not None and collected_bytes <= self._limit_bytes:
                collected.append(part)
            else:
                collected = None
            yield part
        if collected is not None:
            self._kept, self._kept_depth = collected, depth

    def _through_remaining(self) -> Iterator[Part]:
        remaining = self._stages[self._kept_depth :]
        for before, after in self._start():
            part = dict(before), dict(after)
            for stage in remaining:
                stage.pass_through(part)
            yield part

    def _start(self) -> Iterable[Part]:
        if self._kept is not None:
            return self._kept
        parts = (part for batch in self._source() for part in torch.split(batch, PART_IMAGES))
        return (({self._name: part}, {self._name: part}) for part in parts)


@dataclass(frozen=True)
class Pairs:
    """The iterations of a stream, one value each time."""

    stream: Stream
    name: str

    def __iter__(self) -> Iterator[Pair]:
        """Yield the value in the original and in the merged network."""
        for before, after in self.stream:
            yield before[self.name], after[self.name]


def _bytes(part: Part) -> int:
    tensors = {
        id(each): each
        for values in part
        for each in values.values()
        if isinstance(each, torch.Tensor)
    }
    return sum(each.numel() * each.element_size() for each in tensors.values())
