"""A bundle in a folder, a device, a report: the experiment from end to end."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from taskzip.benchmarks.battery import watched_battery
from taskzip.benchmarks.experiment import run_experiment
from taskzip.benchmarks.plan import Plan, plan_experiment
from taskzip.benchmarks.report import build_report, write_report
from taskzip.benchmarks.workloads import limit_bytes, workload_name
from taskzip.contracts.battery import BATTERY_FILE, Battery
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.config import BenchConfig, DeviceConfig
from taskzip.contracts.ledger import LEDGER_FILE, Ledger
from taskzip.contracts.progress import Progress
from taskzip.contracts.report import Pushed, Report
from taskzip.contracts.zipresult import ZipResult
from taskzip.device.conditions import Setting
from taskzip.device.lock import LOCK_WAIT_S
from taskzip.device.manifest import bundle_items, refuse_changed
from taskzip.device.runner.build import build_runner
from taskzip.device.select import open_device, profile_of, resolve
from taskzip.device.session import Session, open_session
from taskzip.device.targets import Target, VirtualDevice
from taskzip.device.transport.protocol import SILENCE_S, Transport
from taskzip.device.transport.recorder import recorded

BUNDLE_DIR = "bundle"
PUSHED_FILE = "pushed.json"
ZIP_FILE = "zip.json"


@dataclass(frozen=True)
class Place:
    """Where to measure: one device, or equal emulated ones side by side."""

    targets: tuple[Target, ...]
    keep_pushed: bool | None = None
    """Whether pushed files stay; None: only on the emulated device, which is ours."""
    wait_s: float = LOCK_WAIT_S
    """For another session that uses the device."""
    silence_s: float = SILENCE_S
    """In which a run may say nothing: it tells its steps when all are done."""
    record: Path | None = None
    """A file for what the device is asked and answers."""

    @classmethod
    def of(
        cls,
        device: DeviceConfig,
        bench: BenchConfig,
        keep_pushed: bool | None,
        wait_s: float = LOCK_WAIT_S,
    ) -> "Place":
        """The device that is meant; NoSuchDevice before anything is built for it."""
        target = resolve(device.device, profile_of(device, bench.clock))
        return cls((target, *_equals(target, device.side_by_side - 1)), keep_pushed, wait_s)

    def recorded_in(self, file: Path | None) -> "Place":
        """One device, recorded in the file; the same place without one."""
        return self if file is None else replace(self, targets=self.targets[:1], record=file)

    @property
    def setting(self) -> Setting:
        """What is known of the devices before they are asked."""
        return self.targets[0].setting

    @property
    def keeps_pushed(self) -> bool:
        """Whether a session leaves the pushed files."""
        return self.setting.origin == "virtual" if self.keep_pushed is None else self.keep_pushed


def _equals(target: Target, count: int) -> tuple[Target, ...]:
    """Further emulated devices like that one; none where time is real, for they would compete."""
    if not isinstance(target, VirtualDevice) or target.profile.clock != "counted":
        return ()
    label = target.profile.label
    return tuple(
        VirtualDevice(target.profile.model_copy(update={"label": f"{label}-{number}"}))
        for number in range(2, count + 2)
    )


@contextmanager
def opened(
    folder: Path, place: Place, progress: Progress, *, keep: bool, verify: bool = False
) -> Iterator[list[Session]]:
    """A session on each device, holding the bundle in `folder`."""
    for item in bundle_items(folder / BUNDLE_DIR):
        refuse_changed(item)  # before a device starts
    package = build_runner("aarch64", progress)
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                open_session(
                    stack.enter_context(_open_recorded(target, place.record, progress)),
                    package,
                    folder / BUNDLE_DIR,
                    keep_pushed=keep,
                    progress=progress,
                    lock_wait_s=place.wait_s,
                    silence_s=place.silence_s,
                    verify=verify,
                )
            )
            for target in place.targets
        ]


@contextmanager
def _open_recorded(target: Target, record: Path | None, progress: Progress) -> Iterator[Transport]:
    with open_device(target, progress) as transport:
        if record is None:
            yield transport
        else:
            with recorded(transport, target.setting, record) as recorder:
                yield recorder


def push(folder: Path, place: Place, progress: Progress, *, verify: bool = False) -> Pushed:
    """Put the bundle in `folder` and the runner on the device and leave them there.

    With `verify` what is there already is hashed again.
    """
    with opened(folder, place, progress, keep=True, verify=verify) as sessions:
        return _in_all(sessions, place)


def measure(
    folder: Path, bench: BenchConfig, place: Place, progress: Progress, *, resume: bool = False
) -> Report:
    """Measure the bundle in `folder`; records, `report.json` and `report.html` lie there after."""
    bench = bench.model_copy(update={"clock": place.setting.clock})
    plan = plan_experiment(Bundle.read(folder / BUNDLE_DIR / BUNDLE_FILE), bench)
    carry_out(plan, folder, bench, place, progress, resume=resume)
    return report_on(folder)


def carry_out(  # noqa: PLR0913 - each is a thing of its own
    plan: Plan,
    folder: Path,
    bench: BenchConfig,
    place: Place,
    progress: Progress,
    *,
    resume: bool = False,
) -> None:
    """Run a plan of the bundle in `folder`, made for `bench`; the records lie there after."""
    with opened(folder, place, progress, keep=place.keeps_pushed) as sessions:
        _in_all(sessions, place).write(folder / PUSHED_FILE)
        conditions = _conditions(sessions, place, bench)
        with watched_battery(sessions[0], folder, resume=resume):
            run_experiment(sessions, plan, folder, conditions, progress, resume=resume)


def _in_all(sessions: Sequence[Session], place: Place) -> Pushed:
    """What all sessions pushed together; the slowest rate, none of a recorded device."""
    each = [session.pushed for session in sessions]
    rates = [pushed.bytes_per_second for pushed in each if pushed.bytes_per_second is not None]
    return Pushed(
        files=sum(pushed.files for pushed in each),
        bytes=sum(pushed.bytes for pushed in each),
        skipped_files=sum(pushed.skipped_files for pushed in each),
        skipped_bytes=sum(pushed.skipped_bytes for pushed in each),
        bytes_per_second=None if place.setting.recorded_at else min(rates, default=None),
    )


def _conditions(sessions: Sequence[Session], place: Place, bench: BenchConfig) -> Conditions:
    """Of the first device, which the others equal, with the names of all; and what is asked."""
    first = sessions[0].conditions(place.setting)
    serials = ", ".join(session.transport.serial for session in sessions)
    return first.model_copy(
        update={
            "serial": serials,
            "devices": len(sessions),
            "workload": workload_name(bench),
            "memory_limit_bytes": limit_bytes(bench),
            "lru_k": bench.lru_k if "separate-lru" in bench.deployments else None,
        }
    )


def report_on(folder: Path) -> Report:
    """The report of what was measured in `folder`, written anew from its records."""
    names = PUSHED_FILE, BATTERY_FILE, ZIP_FILE, LEDGER_FILE
    pushed, battery, zipped, ledger = (folder / name for name in names)
    report = build_report(
        Bundle.read(folder / BUNDLE_DIR / BUNDLE_FILE),
        folder / BUNDLE_DIR,
        folder,
        pushed=Pushed.read(pushed) if pushed.exists() else None,
        zipped=ZipResult.read(zipped) if zipped.exists() else None,
    )
    if ledger.exists():
        report = report.model_copy(update={"ledger": Ledger.read(ledger)})
    if battery.exists():
        report = report.model_copy(update={"battery": Battery.read(battery)})
    write_report(report, folder)
    return report
