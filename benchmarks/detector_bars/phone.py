"""Nights of a phone that does not exist: its noise is made up, not recorded.

Time goes on switch by switch. Now and then the processor steps to another speed and stays there
(thermal throttling), whichever side runs; every switch varies a little, a few take much longer
(heavy tail: Pareto, index 2). The night's temperature slows all rows, and each pair of processes
has a little luck of its own (Student's t with 3 degrees of freedom), which pairing cannot remove.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROWS, BLOCKS, SWITCHES = 10, 2, 13
"""Switches of a block."""
SPEEDS, SHARES = (1.0, 1.12, 1.3), (0.7, 0.2, 0.1)
_STEP = 0.004
"""Of a switch, that the speed changes at it."""
_SPREAD, _TAIL, _TAIL_SHARE = 0.03, 0.3, 0.05
_NIGHT, _NIGHT_STAYS = 0.02, 0.6
_LUCK = 0.004
_NS = 1e6

Sides = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Reference and candidate of a figure, `(n, k)` ns."""
Draw = Callable[[], list[Sides]]
"""A session: the samples of every figure."""
Slower = Mapping[int, float]
"""Figures of the candidate that take so many times as long."""


@dataclass
class Phone:
    """Draws sessions night after night."""

    generator: np.random.Generator
    night: float = 0.0

    def next_night(self, slower: Slower) -> Draw:
        """Sessions of the next night."""
        noise = self.generator.normal(0, _NIGHT)
        self.night = _NIGHT_STAYS * self.night + noise
        level = self.night
        return lambda: self._session(level, slower)

    def _session(self, level: float, slower: Slower) -> list[Sides]:
        """Both sides of a row run next to each other, now one first and now the other."""
        runs = (BLOCKS, ROWS, 2, SWITCHES)
        taken = (_NS * np.exp(level) * self._speeds(runs) * self._varied(runs)).reshape(runs)
        is_swapped = self.generator.integers(0, 2, (BLOCKS, ROWS, 1, 1)).astype(bool)
        taken = np.where(is_swapped, taken[:, :, ::-1], taken)
        luck = np.exp(_LUCK * self.generator.standard_t(3, ROWS))
        sides = taken.transpose(1, 2, 0, 3).reshape(ROWS, 2, -1, 1)
        return [
            (reference, candidate * luck[row] * slower.get(row, 1.0))
            for row, (reference, candidate) in enumerate(sides)
        ]

    def _speeds(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        count = int(np.prod(shape))
        stretch = np.cumsum(self.generator.random(count) < _STEP)
        speeds = self.generator.choice(SPEEDS, size=int(stretch[-1]) + 1, p=SHARES)
        return np.asarray(speeds[stretch]).reshape(shape)

    def _varied(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        is_long = self.generator.random(shape) < _TAIL_SHARE
        longer = np.where(is_long, 1 + _TAIL * self.generator.pareto(2, shape), 1.0)
        return np.asarray(longer * np.exp(self.generator.normal(0, _SPREAD, shape)))
