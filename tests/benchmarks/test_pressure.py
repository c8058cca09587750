from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from taskzip.benchmarks.plan import plan_experiment
from taskzip.benchmarks.pressure.result import (
    Point,
    Pressed,
    point_of,
    render,
    smallest_limits,
    told,
)
from taskzip.benchmarks.pressure.run import run_beside_ballast, run_point
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.events import Event, Switch
from taskzip.contracts.names import Deployment
from taskzip.contracts.record import Cell
from taskzip.contracts.runspec import RunSpec
from taskzip.device.errors import RunnerFailed
from taskzip.device.launch import KILLED
from tests.benchmarks.conftest import MIB, SimulatedDevice

LIMITS = (96 * MIB, 48 * MIB)


@pytest.fixture
def points(bundle: Bundle, bundle_folder: Path) -> tuple[Point, ...]:
    return tuple(_points(bundle, bundle_folder))


def _points(bundle: Bundle, folder: Path) -> Iterator[Point]:
    """Separate networks are killed under the smaller limit."""
    config = BenchConfig(caches=("untouched",), packed_caches=(False,), blocks=1)
    for planned in plan_experiment(bundle, config).runs:
        if planned.spec.mode == "latency":
            events = list(SimulatedDevice(folder).run(planned.spec))
            for limit in LIMITS:
                is_killed = limit == LIMITS[1] and planned.cell.deployment == "separate-resident"
                yield point_of(planned.cell, limit, events, killed=is_killed)


def test_a_point_has_the_figures_of_the_measured_switches(
    points: tuple[Point, ...], bundle: Bundle, bundle_folder: Path
) -> None:
    config = BenchConfig(
        deployments=("joint",), caches=("untouched",), packed_caches=(False,), blocks=1, warmups=3
    )
    (planned,) = [
        run
        for run in plan_experiment(bundle, config).runs
        if run.spec.mode == "latency" and run.spec.runtime == "litert"
    ]
    events = list(SimulatedDevice(bundle_folder).run(planned.spec))
    measured = [each for each in events if isinstance(each, Switch)][3:]
    point = point_of(planned.cell, LIMITS[0], events, killed=False)
    assert point.mean_first_output_ns == sum(s.first_output_ns for s in measured) / len(measured)
    assert point.pressure is not None
    assert point.ended == "done"


class KilledDevice(SimulatedDevice):
    """Its runner says hello and is ended."""

    def __init__(self, bundle_folder: Path, code: str | None) -> None:
        super().__init__(bundle_folder)
        self.code = code

    def run(self, spec: RunSpec) -> Iterator[Event]:
        yield next(super().run(spec))
        raise RunnerFailed("the runner broke off", self.code)


def test_a_runner_that_was_killed_after_its_hello_is_a_result(
    bundle: Bundle, bundle_folder: Path
) -> None:
    planned = plan_experiment(bundle, BenchConfig()).runs[-1]
    killed = KilledDevice(bundle_folder, KILLED)
    point = run_point(killed, planned.spec, planned.cell, LIMITS[0])
    assert (point.ended, point.mean_first_output_ns) == ("killed", None)


def test_a_runner_that_failed_otherwise_is_an_error(bundle: Bundle, bundle_folder: Path) -> None:
    planned = plan_experiment(bundle, BenchConfig()).runs[-1]
    with pytest.raises(RunnerFailed):
        run_point(KilledDevice(bundle_folder, None), planned.spec, planned.cell, LIMITS[0])


def test_what_was_killed_has_no_figures() -> None:
    cell = Cell(runtime="litert", deployment="joint", cache="untouched", packed_cache=True)
    point = point_of(cell, 5, [], killed=True)
    assert (point.ended, point.first_output_ns, point.pressure) == ("killed", None, None)


def test_each_point_is_told(points: tuple[Point, ...]) -> None:
    lines = [told(point) for point in points]
    assert "litert separate-resident under 48 MiB: killed" in lines
    assert any(line.startswith("litert joint under 48 MiB: ") for line in lines)


def test_the_least_memory_that_sufficed_is_known(points: tuple[Point, ...]) -> None:
    found = smallest_limits(points)
    needs: list[Deployment] = ["joint", "separate-resident"]
    assert [found["executorch", deployment] for deployment in needs] == [LIMITS[1], LIMITS[0]]


def test_the_table_says_who_was_killed(points: tuple[Point, ...], conditions: Conditions) -> None:
    console = Console(width=140, record=True)
    pressed = Pressed(conditions=conditions, tasks=2, switches=25, points=points)
    console.print(render(pressed))
    text = console.export_text()
    assert "96 MiB" in text
    (line,) = [line for line in text.splitlines() if "litert" in line and "resident" in line]
    assert "killed" in line
    assert "random workload" in text


class BallastedDevice(SimulatedDevice):
    """It has so much memory, of which ballast takes its part."""

    def __init__(self, bundle_folder: Path, memory_bytes: int) -> None:
        super().__init__(bundle_folder)
        self.memory_bytes, self.held_bytes = memory_bytes, 0
        self.held_while_running: list[int] = []

    def run(self, spec: RunSpec) -> Iterator[Event]:
        self.held_while_running.append(self.held_bytes)
        return super().run(spec)

    def available_bytes(self) -> int:
        return self.memory_bytes - self.held_bytes

    @contextmanager
    def ballast(self, mebibytes: int) -> Iterator["BallastedDevice"]:
        self.held_bytes = mebibytes * MIB
        yield self
        self.held_bytes = 0

    def refuse_lost(self) -> None:
        assert self.held_bytes


def test_ballast_takes_what_is_available_beyond_the_limit(
    bundle: Bundle, bundle_folder: Path
) -> None:
    device = BallastedDevice(bundle_folder, 300 * MIB)
    config = BenchConfig(caches=("untouched",), packed_caches=(False,), blocks=1)
    planned = next(
        run for run in plan_experiment(bundle, config).runs if run.spec.mode == "latency"
    )
    point = run_beside_ballast(device, planned.spec, planned.cell, LIMITS[0])
    assert (point.available_bytes, point.limit_bytes) == (LIMITS[0], LIMITS[0])
    assert (device.held_while_running, device.held_bytes) == ([300 * MIB - LIMITS[0]], 0)
    with pytest.raises(BadInput, match="96 MiB is no limit where 96 MiB are available"):
        run_beside_ballast(
            BallastedDevice(bundle_folder, LIMITS[0]), planned.spec, planned.cell, LIMITS[0]
        )
