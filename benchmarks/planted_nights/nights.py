"""A month of nights without a change, then for each row one in which it takes longer."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskzip.benchmarks.history.store import open_history
from taskzip.benchmarks.nightly.detector import LEARNING
from taskzip.benchmarks.nightly.jobs import Workshop
from taskzip.benchmarks.nightly.night import Night, check_measured
from taskzip.benchmarks.planted_nights.bundles import SLOWER_STEPS, STEPS, make_bundle, plant
from taskzip.benchmarks.planted_nights.result import PlantedNights, PlantedRow
from taskzip.benchmarks.specs import kind_of
from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.names import Deployment, Runtime
from taskzip.contracts.nightly import NightlyConfig, NightResult, Subject
from taskzip.contracts.progress import Progress

DEPLOYMENTS: tuple[Deployment, ...] = ("joint", "separate-swap")
"""Whose files differ, so that one of them can be made slower."""
BENCH = BenchConfig(
    deployments=DEPLOYMENTS,
    caches=("warm",),
    packed_caches=(False,),
    memory_caches=(),
    switches=7,
    clock="counted",
)
_HISTORY = "history.sqlite"
_SUBJECT, _DEVICE = "steps", "emulated"


@dataclass(frozen=True)
class Nights:
    """Nights in a folder; those that were measured there are not measured again."""

    folder: Path
    runtimes: tuple[Runtime, ...]
    count: int
    """Judged nights without a change."""
    workshop: Workshop
    progress: Progress

    def run(self) -> PlantedNights:
        """Everything; TaskzipError when something could not be measured."""
        self._make_bundles()
        names = [f"n{number:03d}" for number in range(1, LEARNING + self.count + 1)]
        nights = [self._night(name, self._pinned, self.folder / _HISTORY) for name in names]
        return PlantedNights(
            false_alarms=tuple(night.night for night in nights[LEARNING:] if _alarms(night)),
            nights=self.count,
            rows=tuple(self._planted_rows()),
        )

    @property
    def _pinned(self) -> Path:
        return self.folder / "pinned"

    @property
    def _slower(self) -> Path:
        return self.folder / "slower"

    def _make_bundles(self) -> None:
        for folder, steps in ((self._pinned, STEPS), (self._slower, SLOWER_STEPS)):
            make_bundle(folder, steps, self.runtimes, self.progress)

    def _night(self, name: str, candidate: Path, history: Path) -> NightResult:
        config = NightlyConfig(
            folder=self.folder / "nights",
            runtimes=self.runtimes,
            bench=BENCH,
            subjects={_SUBJECT: Subject(bundle=candidate, reference=self._pinned)},
            devices={_DEVICE: DeviceConfig(device="virtual", side_by_side=1)},
        )
        with open_history(str(history)) as opened:
            result = Night(name, config, opened, self.workshop, self.progress).run()
        check_measured(result)
        return result

    def _planted_rows(self) -> Iterator[PlantedRow]:
        """Each row's night follows all others, in a copy of the history as these left it."""
        for runtime in self.runtimes:
            for deployment in DEPLOYMENTS:
                name = f"after{self.count}.{runtime}.{deployment}"
                candidate, history = self.folder / name, self.folder / f"{name}.sqlite"
                plant(self._pinned, self._slower, candidate, runtime, kind_of(deployment))
                if not history.exists():
                    shutil.copyfile(self.folder / _HISTORY, history)
                night = self._night(name, candidate, history)
                yield PlantedRow.of(night, runtime, deployment)


def _alarms(night: NightResult) -> bool:
    return any(job.moved for job in night.jobs)
