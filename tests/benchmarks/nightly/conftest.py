"""Nights on a simulated device, as fast as their figures can be made up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from taskzip.benchmarks.experiment import run_experiment
from taskzip.benchmarks.history.store import History, open_history
from taskzip.benchmarks.nightly.night import Night
from taskzip.benchmarks.plan import Plan
from taskzip.contracts.bundle import BUNDLE_FILE
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.events import Event
from taskzip.contracts.history import Entry
from taskzip.contracts.nightly import NightlyConfig, NightResult, Subject
from taskzip.contracts.progress import Silent
from taskzip.contracts.runspec import RunSpec
from taskzip.pipeline import layout, stamp
from tests.benchmarks.conftest import SimulatedDevice, make_bundle
from tests.benchmarks.history.conftest import scaled

PAST_NIGHTS = 8
TONIGHT = "2026-02-01"
BENCH = BenchConfig(
    deployments=("joint", "separate-swap"), caches=("warm",), packed_caches=(False,), switches=6
)


class PairedDevice(SimulatedDevice):
    """Answers for two bundles in folders of their own; `slow` makes some runs take longer."""

    slow: dict[str, float]
    """Parts of a run's name (its role and cell), and how many times as long it takes."""
    session: str

    def _latency(self, spec: RunSpec) -> Iterator[Event]:
        factors = [factor for part, factor in self.slow.items() if part in spec.run]
        named = spec.model_copy(update={"run": f"{self.session} {spec.run}"})
        for event in super()._latency(named):
            if event.kind == "switch" and factors:
                first_run_ns = round(event.first_run_ns * factors[0])
                longer = {
                    "first_run_ns": first_run_ns,
                    "first_output_ns": event.switch_ns + first_run_ns,
                    "inference_ns": tuple(round(ns * factors[0]) for ns in event.inference_ns),
                }
                yield event.model_copy(update=longer)
            else:
                yield event

    def _parity(self, spec: RunSpec) -> Iterator[Event]:
        whole, self.bundle_folder = self.bundle_folder, self.bundle_folder / spec.run.split(".")[0]
        yield from super()._parity(spec)
        self.bundle_folder = whole


@dataclass
class SimulatedWorkshop:
    """Measures on a PairedDevice under given conditions; counts its sessions."""

    conditions: Conditions
    slow: dict[str, float] = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)
    trouble: str | None = None
    """The device is lost in a session of that name."""

    zipped: bytes = b"weights"
    """What the zipper makes."""
    exporter: bytes = b""
    """What the exporter adds."""

    def build(self, config: Path, out: Path) -> None:
        """Leave a zip and a bundle, as a recipe does."""
        assert config
        for path in (layout.plan(out), layout.zip_result(out)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.zipped)
        stamp.write_stamp(layout.stamp(out, "zip"), {"[zip]": repr(self.zipped)}, (), out)
        written_bundle(out, self.zipped + self.exporter)

    def export_again(self, config: Path, zipped: Path, out: Path) -> None:
        """Leave a bundle of the zip."""
        assert config
        written_bundle(out, layout.plan(zipped).read_bytes() + self.exporter)

    def bench_on(self, bench: BenchConfig, device: DeviceConfig) -> BenchConfig:
        """As the config says."""
        assert device
        return bench

    def carry_out(self, plan: Plan, folder: Path, bench: BenchConfig, device: DeviceConfig) -> None:
        """Run the plan."""
        assert bench
        assert device
        self.sessions.append(folder.name)
        measured = PairedDevice(folder / "bundle", spread=0.001)
        measured.session = folder.name
        measured.slow = self.slow
        if self.trouble == folder.name:
            measured.breaks_at = plan.runs[-1].spec.run
        run_experiment([measured], plan, folder, self.conditions, Silent(), resume=True)


@dataclass
class Nights:
    """A config with one job, its history, and the night that can be run."""

    config: NightlyConfig
    history: History
    workshop: SimulatedWorkshop

    def run(self, night: str = TONIGHT, **about) -> NightResult:
        """A night, or the rest of it."""
        return Night(night, self.config, self.history, self.workshop, Silent(), **about).run()

    def remember(self, nights: int = PAST_NIGHTS) -> None:
        """Nights like one that is run now, each with a little of its own."""
        self.run("2026-01-00")
        repeat_night(self.history, nights)
        self.workshop.sessions.clear()


def repeat_night(history: History, nights: int) -> None:
    """The only night of a history, so many in all, each with a little of its own."""
    entries = {each.role: history.get(each.sha256)[1] for each in history.listed()}
    for night in range(1, nights):
        random = Random(night)
        of_night, _ = history.add(_dated(entries["reference"], night, random.gauss(1, 0.0005)))
        again = _dated(entries["candidate"], night, random.gauss(1, 0.0005))
        history.add(again.model_copy(update={"reference": of_night}))


def _dated(entry: Entry, day: int, factor: float) -> Entry:
    when = {"started_at": f"2026-01-{day:02d}T01:00:00+00:00"}
    conditions = entry.conditions.model_copy(update=when)
    update = {"conditions": conditions, "night": f"2026-01-{day:02d}"}
    return scaled(entry, factor).model_copy(update=update)


def written_bundle(folder: Path, content: bytes = b"weights") -> Path:
    """A folder as `deploy export` leaves it, its model files filled with `content`."""
    bundle = make_bundle(folder / "bundle")
    for model in bundle.models:
        path = folder / "bundle" / model.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    digest = sha256(content).hexdigest()
    models = tuple(model.model_copy(update={"sha256": digest}) for model in bundle.models)
    bundle.model_copy(update={"models": models}).write(folder / "bundle" / BUNDLE_FILE)
    return folder


@pytest.fixture
def nights(tmp_path: Path, conditions: Conditions) -> Iterator[Nights]:
    config = NightlyConfig(
        folder=tmp_path / "nights",
        runtimes=("litert",),
        bench=BENCH,
        subjects={
            "lenet": Subject(
                bundle=written_bundle(tmp_path / "candidate"),
                reference=written_bundle(tmp_path / "reference"),
            )
        },
        devices={"emulated": DeviceConfig(device="virtual")},
    )
    with open_history(str(tmp_path / "history.sqlite")) as history:
        yield Nights(config, history, SimulatedWorkshop(conditions))
