"""The matrix: every subject on every device, each a job with a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from taskzip.benchmarks.plan import Plan
from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.nightly import NightlyConfig, Subject

GOOD_DIR = "good"
"""Below the nights' folder: each job's last files that were not worse."""


class Workshop(Protocol):
    """What makes and measures; tests bring one of their own."""

    def build(self, config: Path, out: Path) -> None:
        """Zip and export what a config says into `out`, or go on with it."""

    def export_again(self, config: Path, zipped: Path, out: Path) -> None:
        """Export the zip in `zipped` with today's exporters into `out`, or go on with it."""

    def carry_out(self, plan: Plan, folder: Path, bench: BenchConfig, device: DeviceConfig) -> None:
        """Run a plan of the bundle in `folder`; goes on with what was broken off there."""

    def bench_on(self, bench: BenchConfig, device: DeviceConfig) -> BenchConfig:
        """What is measured, with the clock that the device has."""


@dataclass(frozen=True)
class Job:
    """A subject on a device."""

    name: str
    subject: Subject
    device_name: str
    device: DeviceConfig
    folder: Path
    good: Path

    @property
    def title(self) -> str:
        """`digits_fashion on pixel`."""
        return f"{self.name} on {self.device_name}"


def jobs_of(config: NightlyConfig, night: str) -> tuple[Job, ...]:
    """All jobs of a night, in the config's order."""
    return tuple(
        Job(
            name,
            subject,
            device_name,
            device,
            config.folder / night / f"{name}.{device_name}",
            config.folder / GOOD_DIR / f"{name}.{device_name}",
        )
        for name, subject in config.subjects.items()
        for device_name, device in config.devices.items()
    )


Clock = Callable[[], float]
"""Seconds since some time; tests bring one of their own."""
