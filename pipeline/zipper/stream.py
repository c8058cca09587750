"""Calibration data at one place of a graph, before and after merging, kept while it fits."""

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from taskzip.pipeline.graph.graph import Shape
from taskzip.pipeline.networks.task import Batches

PART_IMAGES = 32
"""Batches are split, so that one layer's activations stay small however the data is batched."""
PART_BYTES = 256 << 20
"""Of the largest activation of a part; parts have fewer images where it would be more."""
FLOAT_BYTES = 4

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
    overwriting: Compute | None = None
    """Instead of both, where nothing else holds the inputs: the result takes their memory."""

    def pass_through(self, part: "Part", kept: Container[str] = ()) -> None:
        """Add both results; computed once, as one object, where inputs and step are the same.

        Inputs that are `kept` stay as they are.
        """
        before, after = part
        original, merged = self.original, self.merged
        if self.overwriting and not any(each in kept for each in self.inputs):
            original = merged = self.overwriting
        same = original is merged and all(before[k] is after[k] for k in self.inputs)
        result = original(before)
        after[self.name] = result if same else merged(after)
        before[self.name] = result
        for name in self.done_with:
            before.pop(name, None)
            after.pop(name, None)


Part = tuple[Values, Values]


@dataclass(frozen=True)
class _Kept:
    """A part after the first `depth` stages."""

    depth: int
    part: Part
    size_bytes: int


class Stream:
    """The values that are alive after the stages passed so far, part by part.

    Each part is kept as deep as an iteration took it, as long as all kept parts together have at
    most `limit_bytes`; later iterations take it on from there, and parts that are not kept from
    the calibration data.
    """

    def __init__(
        self,
        source: Batches,
        name: str,
        limit_bytes: int,
        part_images: int = PART_IMAGES,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """`beat` is called after each part."""
        self._source = source
        self._name = name
        self._limit_bytes = limit_bytes
        self._part_images = part_images
        self._beat = beat
        self._stages: list[Stage] = []
        self._kept: dict[int, _Kept] = {}
        self._kept_bytes = 0
        self._parts: int | None = None

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
        index = -1
        for index, start in enumerate(self._starts()):
            before, after = start.part
            part = dict(before), dict(after)
            kept = set(before)
            del before, after
            for stage in self._stages[start.depth : depth]:
                stage.pass_through(part, kept)
            self._keep(index, _Kept(depth, part, _bytes(part)))
            self._beat()
            yield part
        self._parts = index + 1

    def _starts(self) -> Iterator[_Kept]:
        """Each part from where it is kept."""
        if len(self._kept) == self._parts:
            for index in range(len(self._kept)):
                yield self._kept[index]
            return
        parts = (part for batch in self._source() for part in batch.split(self._part_images))
        for index, part in enumerate(parts):
            yield self._kept.get(index) or _Kept(0, ({self._name: part}, {self._name: part}), 0)

    def _keep(self, index: int, found: _Kept) -> None:
        old = self._kept.get(index)
        if old is not None and old.depth >= found.depth:
            return
        size_bytes = self._kept_bytes + found.size_bytes - (old.size_bytes if old else 0)
        if size_bytes <= self._limit_bytes:
            self._kept[index] = found
            self._kept_bytes = size_bytes


@dataclass(frozen=True)
class Pairs:
    """The iterations of a stream, one value each time."""

    stream: Stream
    name: str

    def __iter__(self) -> Iterator[Pair]:
        """Yield the value in the original and in the merged network."""
        for before, after in self.stream:
            yield before[self.name], after[self.name]


def part_images(shapes: Iterable[Shape]) -> int:
    """How many images a part has, for values of these shapes (n, …)."""
    largest = max(math.prod(shape[1:]) for shape in shapes) * FLOAT_BYTES
    return max(1, min(PART_IMAGES, PART_BYTES // largest))


def _bytes(part: Part) -> int:
    tensors = {
        id(each): each
        for values in part
        for each in values.values()
        if isinstance(each, torch.Tensor)
    }
    return sum(each.numel() * each.element_size() for each in tensors.values())
