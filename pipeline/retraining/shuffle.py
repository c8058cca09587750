"""Batches in an order that depends on the seed and the iteration alone, so that it can go on."""

import numpy as np
import torch


def seeded(*numbers: int) -> torch.Generator:
    """A generator that depends on these numbers alone."""
    state = np.random.SeedSequence(numbers).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))


class Shuffle:
    """Cuts `count` examples into batches, anew for each pass; what is left over waits for it."""

    def __init__(self, count: int, batch_size: int, seed: tuple[int, ...]) -> None:
        self._count = count
        self._size = min(batch_size, count)
        self._seed = seed
        self._pass: int | None = None
        self._order = torch.zeros(0, dtype=torch.long)

    def batch(self, iteration: int) -> torch.Tensor:
        """(batch,) long: the examples of an iteration, counted from 0."""
        current, place = divmod(iteration, self._count // self._size)
        if current != self._pass:
            self._order = torch.randperm(self._count, generator=seeded(*self._seed, current))
            self._pass = current
        return self._order[place * self._size : (place + 1) * self._size]
