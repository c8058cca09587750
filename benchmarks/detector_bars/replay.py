"""Nights of the emulated device, drawn from recorded ones: its counted clock, real samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taskzip.benchmarks.compare.session import LATENCIES, Measured, from_report
from taskzip.benchmarks.detector_bars.phone import Draw, Sides, Slower
from taskzip.benchmarks.nightly.join import ROLES
from taskzip.benchmarks.samples import LatencyMetric
from taskzip.contracts.errors import BadInput
from taskzip.contracts.record import Cell
from taskzip.contracts.report import REPORT_FILE

Recorded = tuple[Measured, Measured]
"""Reference and candidate of one session."""


def read_nights(folder: Path) -> tuple[Recorded, ...]:
    """Recorded sessions: folders with `reference/` and `candidate/`, as `deploy nightly` leaves
    them; BadInput if there are none."""
    pairs = sorted(path.parent.parent for path in folder.rglob(f"candidate/{REPORT_FILE}"))
    if not pairs:
        raise BadInput(f"{folder}: no candidate/{REPORT_FILE} below it; give a folder of nights")
    reports = [[from_report(pair / role / REPORT_FILE) for role in ROLES] for pair in pairs]
    return tuple((reference, candidate) for reference, candidate in reports)


@dataclass
class Replay:
    """Draws each night from one of the recorded sessions, switch by switch, with replacement."""

    generator: np.random.Generator
    recorded: Sequence[Recorded]

    @property
    def figures(self) -> list[tuple[Cell, LatencyMetric]]:
        """What each place of a session is."""
        return [(cell, metric) for cell in self.recorded[0][0].cells for metric in LATENCIES]

    def next_night(self, slower: Slower) -> Draw:
        """Sessions of the next night."""
        return lambda: self._session(slower)

    def _session(self, slower: Slower) -> list[Sides]:
        night = self.recorded[int(self.generator.integers(len(self.recorded)))]
        return [
            self._sides(night, *figure, slower.get(number, 1.0))
            for number, figure in enumerate(self.figures)
        ]

    def _sides(self, night: Recorded, cell: Cell, metric: LatencyMetric, longer: float) -> Sides:
        reference, candidate = (side.cells[cell].values[metric] for side in night)
        drawn = self.generator.integers(len(reference), size=len(reference))
        return reference[drawn], np.round(candidate[drawn] * longer)
