"""Nights with planted work, on a device that takes longer for the slower files."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from taskzip.benchmarks.plan import Plan
from taskzip.benchmarks.planted_nights.nights import Nights
from taskzip.benchmarks.planted_nights.result import PlantedRow, headline
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.history import Role, Series
from taskzip.contracts.nightly import JobResult, Moved, NightResult
from taskzip.contracts.progress import Silent
from tests.benchmarks.nightly.conftest import SimulatedWorkshop, written_bundle

SLOWER = b"one step more"
FILES = {"joint": "joint", "separate-swap": "digits"}
"""By deployment, the stem of a file that it loads."""


@dataclass
class PlantedWorkshop(SimulatedWorkshop):
    """Runs of a deployment take 1 % longer where its files are the slower ones."""

    def carry_out(self, plan: Plan, folder: Path, bench: BenchConfig, device: DeviceConfig) -> None:
        """Look at the files, then run."""
        files = folder / "bundle" / "candidate" / "litert"
        self.slow = {
            f"candidate.litert.{deployment}.": 1.01
            for deployment, stem in FILES.items()
            if next(files.glob(f"{stem}.*")).read_bytes() == SLOWER
        }
        super().carry_out(plan, folder, bench, device)


@pytest.fixture
def planted(tmp_path: Path, conditions: Conditions) -> Nights:
    """Two judged nights in a folder whose bundles are there."""
    written_bundle(tmp_path / "pinned")
    written_bundle(tmp_path / "slower", SLOWER)
    return Nights(tmp_path, ("litert",), 2, PlantedWorkshop(conditions), Silent())


def test_every_row_with_more_work_is_found_and_no_other_night_is_called_slower(planted) -> None:
    done = planted.run()
    assert done.are_bars_met
    assert [(row.deployment, row.elsewhere) for row in done.rows] == [
        ("joint", ()),
        ("separate-swap", ()),
    ]
    assert headline(done) == (
        "Emulated device, counted clock: 0 false alarms in 2 nights; 1 % more work found the same "
        "night in 2 of 2 rows"
    )
    sessions = len(planted.workshop.sessions)
    assert planted.run() == done
    assert len(planted.workshop.sessions) == sessions


def _moved(ratio: float, role: Role = "candidate", metric: str = "inference_ns") -> Moved:
    series = Series(
        subject="steps",
        role=role,
        device="emulated",
        runtime="litert",
        deployment="joint",
        cache="warm",
        packed_cache=False,
        metric=metric,
    )
    return Moved(series=series, ratio=ratio, p=0, since_nights=1, causes=(), evidence=())


def _row(*moved: Moved) -> PlantedRow:
    job = JobResult(subject="steps", device="emulated", status="measured", moved=moved)
    return PlantedRow.of(NightResult(night="one", jobs=(job,)), "litert", "joint")


def test_a_row_is_found_by_a_time_of_it_that_is_slower_and_nothing_else() -> None:
    quicker = _moved(0.96, metric="switch_ns")
    assert _row(_moved(1.01)).is_found
    assert _row(_moved(1.01), quicker).is_found
    assert not _row(quicker).is_found
    assert not _row(_moved(1.01, metric="storage_bytes")).is_found
    assert not _row(_moved(1.01), _moved(0.93, role="reference")).is_found
