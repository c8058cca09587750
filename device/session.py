"""A session on a device: lock, push, shake hands, run, fetch, and leave nothing behind."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from taskzip.contracts.battery import BatteryReading
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.events import Event, Output
from taskzip.contracts.progress import Progress
from taskzip.contracts.report import Pushed
from taskzip.contracts.runspec import RunSpec
from taskzip.device.abandoned import abandoned_elsewhere, forget_sessions, note_session
from taskzip.device.ballast import HeldBallast, held_ballast
from taskzip.device.battery import read_battery
from taskzip.device.clean import Cleaner
from taskzip.device.conditions import Setting, read_conditions
from taskzip.device.errors import RunnerFailed, TransferFailed
from taskzip.device.launch import Launcher, check_version, checked_events
from taskzip.device.lock import LEASE_S, LOCK_WAIT_S, Lock, held_lock
from taskzip.device.manifest import RUNNER_DIR, bundle_items, prover_item, runner_items
from taskzip.device.parse.memory import parse_meminfo
from taskzip.device.places import home, lock_path
from taskzip.device.push import Placed, push_items
from taskzip.device.runner.package import RunnerPackage
from taskzip.device.transport.protocol import SILENCE_S, LineStream, Transport

MAX_FETCH_BYTES = 64 << 20
VERSION_TIMEOUT_S = 60.0
RENEW_S = 60.0

_IS_WITHIN = r"""
root=$(readlink -f "$1") && file=$(readlink -f "$1/$2") || exit
case $file in "$root"/*) [ -f "$file" ] ;; *) exit 1 ;; esac
"""


@dataclass
class Session:
    """A device that holds the runner and the bundle, verified; good until its block ends."""

    transport: Transport
    launcher: Launcher
    placed: Placed
    runner_version: str
    runtime_versions: Mapping[str, str]
    silence_s: float = SILENCE_S
    _renewed_at: float = field(default_factory=monotonic)
    _announced: dict[str, int] = field(default_factory=dict)
    _running: LineStream | None = None

    @property
    def pushed(self) -> Pushed:
        """What this session had to push, and what was there."""
        return self.placed.pushed

    def run(self, spec: RunSpec) -> Iterator[Event]:
        """Run one process to its end and yield its events as they come; the last is `done`.

        A run that was not read to its end ends the session: later ones raise RunnerFailed.
        """
        if self._running is not None:
            raise RunnerFailed(f"{self.transport.serial}: the run before broke off; start again")
        argv = self.launcher.run_argv(spec, self.placed.files)  # gives a sign of life as well
        self._renewed_at = monotonic()
        stream = self._running = self.transport.lines(argv, silence_s=self.silence_s)
        try:
            for event in checked_events(self.transport.serial, stream, spec):
                if isinstance(event, Output):
                    self._announced[event.file] = event.bytes
                self._renew()
                yield event
        finally:
            if stream.completed is not None:
                self._running = None

    def _renew(self) -> None:
        """A sign of life during a long run; events come when nothing is being timed."""
        if monotonic() - self._renewed_at > RENEW_S:
            self.launcher.lock.renew()
            self._renewed_at = monotonic()

    def fetch(self, path: str) -> bytes:
        """The content of a file below the working folder, of the size that the runner told."""
        self._refuse_outside(path)
        expected = self._announced.get(path)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "fetched"
            remote = f"{self.launcher.root}/{path}"
            self.transport.pull(remote, local, MAX_FETCH_BYTES if expected is None else expected)
            content = local.read_bytes()
        if expected is not None and len(content) != expected:
            raise TransferFailed(
                f"{self.transport.serial}: {path} has {len(content)} bytes, "
                f"the runner said {expected}"
            )
        return content

    def _refuse_outside(self, path: str) -> None:
        """TransferFailed for what is no plain file of the working folder, links followed."""
        argv = ["sh", "-c", _IS_WITHIN, "fetch", self.launcher.root, path]
        if self.transport.shell(argv).exit_code != 0:
            raise TransferFailed(
                f"{self.transport.serial}: the runner left no file {path} in its working folder"
            )

    def conditions(self, setting: Setting) -> Conditions:
        """The conditions under which runs of this session are measured, as of now."""
        return read_conditions(
            self.transport, setting, self.runner_version, dict(self.runtime_versions)
        )

    def available_bytes(self) -> int:
        """Memory that the device has left for programs."""
        said = self.transport.shell(["cat", "/proc/meminfo"]).checked().text
        return parse_meminfo(said).available_bytes

    def ballast(self, mebibytes: int) -> AbstractContextManager[HeldBallast]:
        """Hold so much of the device's memory while a block runs."""
        return held_ballast(self.launcher, mebibytes)

    def battery(self) -> BatteryReading | None:
        """What the device's battery says of itself now; None where it does not count."""
        return read_battery(self.transport)

    def end_run(self) -> None:
        """Stop reading a run that was not read to its end; the device ends it."""
        if self._running is not None:
            self._running.close()
            self._running = None


@contextmanager
def open_session(  # noqa: PLR0913  # each is a choice of its own
    transport: Transport,
    package: RunnerPackage,
    bundle_dir: Path,
    *,
    keep_pushed: bool,
    progress: Progress,
    lock_wait_s: float = LOCK_WAIT_S,
    silence_s: float = SILENCE_S,
    verify: bool = False,
) -> Iterator[Session]:
    """A session with the runner and the bundle on the device.

    However the block ends, a runner that still runs is ended and what runs wrote is removed; what
    was pushed is removed too unless `keep_pushed`. With `verify` all that is there is hashed again.
    Raises DeviceHeld, DeviceFull, Mismatch, …
    """
    items = (*runner_items(package), *bundle_items(bundle_dir))
    folder = home(transport)
    lease_s = max(LEASE_S, 2 * silence_s)
    cleaner = Cleaner(transport, folder, keep_pushed, progress)
    with _workplace(cleaner, lock_wait_s, lease_s) as lock:
        launcher = Launcher(lock, f"{folder}/work", package.command(RUNNER_DIR))
        prover = prover_item(package.prover) if package.prover else None
        placed = push_items(transport, folder, items, progress, verify=verify, prover=prover)
        lock.renew()
        version = check_version(transport.shell(launcher.version_argv(), VERSION_TIMEOUT_S))
        session = Session(transport, launcher, placed, version, package.runtime_versions, silence_s)
        try:
            yield session
        finally:
            session.end_run()


@contextmanager
def _workplace(cleaner: Cleaner, lock_wait_s: float, lease_s: float) -> Iterator[Lock]:
    """The working folder, under the device's lock; left clean."""
    transport, progress = cleaner.transport, cleaner.progress
    for note in abandoned_elsewhere(transport.serial):
        progress.step(
            f"{note.serial} may hold what a session left that was killed (process {note.pid}, "
            f"since {note.started_at}); `deploy clean --device {note.serial}` removes it"
        )
    with held_lock(transport, lock_path(transport), progress, lock_wait_s, lease_s) as lock:
        note_session(transport.serial)
        try:
            yield lock
        except BaseException as error:
            _leave_after(error, cleaner, lock)
            raise
        _leave(cleaner, lock)


def _leave(cleaner: Cleaner, lock: Lock) -> None:
    cleaner.clean(lock)
    forget_sessions(cleaner.transport.serial)


def _leave_after(error: BaseException, cleaner: Cleaner, lock: Lock) -> None:
    """Clean up without hiding what went wrong; what could not be cleaned is noted with it."""
    try:
        _leave(cleaner, lock)
    except DeviceTrouble as trouble:
        error.add_note(f"cleaning up failed as well: {trouble}")
