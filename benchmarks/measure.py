"""A bundle in a folder, a device, a report: the experiment from end to end."""

from dataclasses import dataclass
from pathlib import Path

from taskzip.benchmarks.experiment import run_experiment
from taskzip.benchmarks.plan import plan_experiment
from taskzip.benchmarks.report import build_report, write_report
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.progress import Progress
from taskzip.contracts.report import Pushed, Report
from taskzip.contracts.zipresult import ZipResult
from taskzip.device.runner.build import build_runner
from taskzip.device.select import Target, VirtualDevice, open_device, profile_of, resolve
from taskzip.device.session import open_session

BUNDLE_DIR = "bundle"
PUSHED_FILE = "pushed.json"
ZIP_FILE = "zip.json"


@dataclass(frozen=True)
class Place:
    """A device, and whether pushed files stay on it; None: only on the emulated one, ours."""

    target: Target
    keep_pushed: bool | None = None

    @classmethod
    def of(cls, device: DeviceConfig, bench: BenchConfig, keep_pushed: bool | None) -> "Place":
        """The device that is meant; NoSuchDevice before anything is built for it."""
        return cls(resolve(device.device, profile_of(device, bench.clock)), keep_pushed)

    @property
    def keeps_pushed(self) -> bool:
        """Whether a session leaves the pushed files."""
        if self.keep_pushed is not None:
            return self.keep_pushed
        return isinstance(self.target, VirtualDevice) or self.target.setting.origin == "virtual"


def push(folder: Path, place: Place, progress: Progress) -> Pushed:
    """Put the bundle in `folder` and the runner on the device and leave them there."""
    package = build_runner("aarch64", progress)
    with (
        open_device(place.target, progress) as transport,
        open_session(
            transport, package, folder / BUNDLE_DIR, keep_pushed=True, progress=progress
        ) as session,
    ):
        return session.pushed


def measure(
    folder: Path, bench: BenchConfig, place: Place, progress: Progress, *, resume: bool = False
) -> Report:
    """Measure the bundle in `folder`; records, `report.json` and `report.html` lie there after."""
    plan = plan_experiment(Bundle.read(folder / BUNDLE_DIR / BUNDLE_FILE), bench)
    package = build_runner("aarch64", progress)
    with (
        open_device(place.target, progress) as transport,
        open_session(
            transport,
            package,
            folder / BUNDLE_DIR,
            keep_pushed=place.keeps_pushed,
            progress=progress,
        ) as session,
    ):
        session.pushed.write(folder / PUSHED_FILE)
        conditions = session.conditions(place.target.setting)
        for _ in run_experiment(session, plan, folder, conditions, progress, resume=resume):
            pass
    return report_on(folder)


def report_on(folder: Path) -> Report:
    """The report of what was measured in `folder`, written anew from its records."""
    pushed, zipped = folder / PUSHED_FILE, folder / ZIP_FILE
    report = build_report(
        Bundle.read(folder / BUNDLE_DIR / BUNDLE_FILE),
        folder / BUNDLE_DIR,
        folder,
        pushed=Pushed.read(pushed) if pushed.exists() else None,
        zipped=ZipResult.read(zipped) if zipped.exists() else None,
    )
    write_report(report, folder)
    return report


def check_parity(report: Report) -> None:
    """CheckFailed when an output on the device is not what torch computed on the host."""
    wrong = [result for result in report.parity if not result.ok]
    if wrong:
        first = wrong[0]
        raise CheckFailed(
            f"parity: {len(wrong)} of {len(report.parity)} outputs on the device "
            f"differ from torch; {first.file}, task {first.task}: {first.max_abs_error}, "
            f"allowed {first.allowed}"
        )


def check_bars(report: Report) -> None:
    """CheckFailed when a row is not valid or a bar does not hold."""
    invalid = [row for row in report.rows if not row.valid]
    if invalid:
        row = invalid[0]
        raise CheckFailed(
            f"{len(invalid)} of {len(report.rows)} rows are not valid; {row.runtime} "
            f"{row.deployment} {row.cache}: {'; '.join(row.reasons)}"
        )
    missed = [one for one in report.comparisons if one.holds is False]
    if missed:
        one = missed[0]
        raise CheckFailed(
            f"{len(missed)} bars do not hold; {one.runtime} {one.metric}: "
            f"{one.expression} is {one.ratio:.3g}, the bar is {one.bar}"
        )
