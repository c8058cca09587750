"""A uniform sample of a stream of rows whose length is not known (Vitter 1985, Algorithm R)."""

from collections.abc import Sequence

import numpy as np
import torch

SEED = 0
"""The draws depend on how many rows came, on nothing else."""


class Reservoir:
    """Keeps the first `capacity` rows; each later one takes the place of a kept one, by chance.

    After n rows each has been kept with probability capacity / n, and the same stream leaves the
    same sample, however it is cut into parts. Parts are tuples of tensors with R rows each.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._draws = np.random.default_rng(SEED)
        self._kept: list[torch.Tensor] = []
        self._seen = 0

    @property
    def width(self) -> int:
        """How many tensors a part has; 0 before the first."""
        return len(self._kept)

    def add(self, part: Sequence[torch.Tensor]) -> None:
        """Let R rows of each tensor come by; the first call sets aside room for `capacity`."""
        if not self._kept:
            self._kept = [each.new_empty(self._capacity, *each.shape[1:]) for each in part]
        room = max(0, self._capacity - self._seen)
        for kept, each in zip(self._kept, part, strict=True):
            kept[self._seen : self._seen + len(each)] = each[:room]
        self._seen += min(room, len(part[0]))
        self._replace([each[room:] for each in part])

    def rows(self) -> list[torch.Tensor]:
        """Return the sample: at most `capacity` rows of each tensor."""
        return [kept[: self._seen] for kept in self._kept]

    def _replace(self, part: Sequence[torch.Tensor]) -> None:
        ages = np.arange(self._seen, self._seen + len(part[0])) + 1
        slots = np.floor(self._draws.random(len(ages)) * ages).astype(np.int64)
        last = {slot: row for row, slot in enumerate(slots.tolist()) if slot < self._capacity}
        into, taken = torch.tensor(list(last)).long(), torch.tensor(list(last.values())).long()
        for kept, each in zip(self._kept, part, strict=True):
            kept[into] = each[taken]
        self._seen += len(ages)
