"""Calibration data at one depth of a network, before and after merging, kept while it fits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from taskzip.pipeline.networks.task import Batches

PART_IMAGES = 32
"""Batches are split, so that one layer's activations stay small however the data is batched."""

Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Stage:
    """A step of the original network and of the merged one; the same object if nothing differs."""

    original: nn.Module
    merged: nn.Module

    def __call__(self, pair: Pair) -> Pair:
        """Both results; computed once, as one object, where inputs and step are the same."""
        before, after = pair
        result = self.original(before)
        if before is after and self.original is self.merged:
            return result, result
        return result, self.merged(after)


class Stream:
    """What leaves the stages passed so far, part by part; iterate as often as needed.

    What the deepest complete iteration gave is kept if it has at most `limit_bytes`; later
    iterations start from there instead of from the calibration data. While a new depth is
    collected the old one is still held: at most 2 × `limit_bytes` in all.
    """

    def __init__(self, source: Batches, limit_bytes: int) -> None:
        self._source = source
        self._limit_bytes = limit_bytes
        self._stages: list[Stage] = []
        self._kept: list[Pair] | None = None
        self._kept_depth = 0

    def advance(self, stages: Iterable[Stage]) -> None:
        """Let the batches pass these stages too."""
        self._stages.extend(stages)

    @torch.no_grad()
    def __iter__(self) -> Iterator[Pair]:
        """Yield each part of a batch as the original and as the merged network has it."""
        depth = len(self._stages)
        collected: list[Pair] | None = []
        collected_bytes = 0
        for pair in self._through_remaining():
            collected_bytes += _bytes(pair)
            if collected is not None and collected_bytes <= self._limit_bytes:
                collected.append(pair)
            else:
                collected = None
            yield pair
        if collected is not None:
            self._kept, self._kept_depth = collected, depth

    def _through_remaining(self) -> Iterator[Pair]:
        remaining = self._stages[self._kept_depth :]
        for pair in self._start():
            for stage in remaining:
                pair = stage(pair)  # noqa: PLW2901  # the pair moves through the networks
            yield pair

    def _start(self) -> Iterable[Pair]:
        if self._kept is not None:
            return self._kept
        parts = (part for batch in self._source() for part in torch.split(batch, PART_IMAGES))
        return ((part, part) for part in parts)


def _bytes(pair: Pair) -> int:
    before, after = pair
    different = (before,) if before is after else pair
    return sum(each.numel() * each.element_size() for each in different)
