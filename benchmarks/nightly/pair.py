"""Two bundles measured in one session, run by run, as if they were one; then taken apart again.

A pair's folder holds the joined bundle and its records; below it `reference/` and `candidate/` are
folders like those of `deploy bench`, with records, bundle and report of their own.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskzip.benchmarks.journal import (
    OUTPUTS_DIR,
    RECORDS_FILE,
    SESSION_FILE,
    finished,
    read_records,
    read_session,
)
from taskzip.benchmarks.measure import BUNDLE_DIR
from taskzip.benchmarks.nightly.join import ROLES, joined_bundle, joined_plan, prefixed
from taskzip.benchmarks.plan import Plan
from taskzip.benchmarks.report import build_report
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle, File
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.events import Output
from taskzip.contracts.history import Role
from taskzip.contracts.names import Runtime
from taskzip.contracts.record import Record
from taskzip.contracts.report import REPORT_FILE, Report

CarryOut = Callable[[Plan, Path], None]
"""Runs a plan of the bundle in a folder and leaves the records there; goes on with a broken one."""


@dataclass(frozen=True)
class Pair:
    """Folders that hold a bundle each, and where they are measured together."""

    reference: Path
    candidate: Path
    folder: Path
    runtimes: Sequence[Runtime]

    def bundle(self, role: Role) -> Bundle:
        """One of both, as far as the runtimes go."""
        source = self.reference if role == "reference" else self.candidate
        return _only(read_bundle(source), self.runtimes, source)

    def measure(self, bench: BenchConfig, carry_out: CarryOut) -> dict[Role, Report]:
        """The reports of both; BadInput when they do not have the same tasks and runtimes."""
        bundles = {role: prefixed(self.bundle(role), role) for role in ROLES}
        _refuse_unlike(self, bundles)
        joined = joined_bundle(bundles)
        self._lay_out(joined)
        carry_out(joined_plan(bundles, joined, bench), self.folder)
        return {role: self._take_out(role) for role in ROLES}

    def _lay_out(self, joined: Bundle) -> None:
        for role, source in zip(ROLES, (self.reference, self.candidate), strict=True):
            for file in _files(self.bundle(role)):
                link(source / BUNDLE_DIR / file.path, self.folder / BUNDLE_DIR / role / file.path)
        joined.write(self.folder / BUNDLE_DIR / BUNDLE_FILE)

    def _take_out(self, role: Role) -> Report:
        """A folder of the role's own, with its report."""
        own = self.folder / role
        source = self.reference if role == "reference" else self.candidate
        copy_bundle(self.bundle(role), source, own)
        records = [
            _without_role(record, role)
            for record in finished(read_records(self.folder))
            if record.run.startswith(f"{role}.")
        ]
        for run in {record.run for record in records if record.mode == "parity"}:
            for path in (self.folder / OUTPUTS_DIR / f"{role}.{run}").iterdir():
                link(path, own / OUTPUTS_DIR / run / path.name)
        read_session(self.folder).write(own / SESSION_FILE)
        lines = "".join(f"{record.model_dump_json()}\n" for record in records)
        write_atomically(own / RECORDS_FILE, lines.encode())
        report = build_report(self.bundle(role), own / BUNDLE_DIR, own)
        report.write(own / REPORT_FILE)
        return report


def _only(bundle: Bundle, runtimes: Sequence[Runtime], source: Path) -> Bundle:
    models = tuple(model for model in bundle.models if model.runtime in runtimes)
    if not models:
        raise BadInput(f"{source}: its bundle has no file for {', '.join(runtimes)}")
    return bundle.model_copy(update={"models": models})


def _refuse_unlike(pair: Pair, bundles: dict[Role, Bundle]) -> None:
    reference, candidate = bundles.values()
    for what in (_task_names, _runtimes):
        if what(reference) != what(candidate):
            raise BadInput(
                f"{pair.reference} and {pair.candidate} cannot be measured side by side: "
                f"{', '.join(what(reference))} and {', '.join(what(candidate))}"
            )


def _task_names(bundle: Bundle) -> list[str]:
    return [task.name for task in bundle.tasks]


def _runtimes(bundle: Bundle) -> list[str]:
    return sorted({model.runtime for model in bundle.models})


def _files(bundle: Bundle) -> tuple[File, ...]:
    return (*bundle.models, *bundle.data)


def _without_role(record: Record, role: Role) -> Record:
    event = record.event
    if isinstance(event, Output):
        event = event.model_copy(update={"file": event.file.replace(f"/{role}.", "/", 1)})
    return record.model_copy(update={"run": record.run.removeprefix(f"{role}."), "event": event})


def copy_bundle(bundle: Bundle, source: Path, target: Path) -> None:
    """The bundle of a folder, or a part of it, in another folder."""
    for file in _files(bundle):
        link(source / BUNDLE_DIR / file.path, target / BUNDLE_DIR / file.path)
    bundle.write(target / BUNDLE_DIR / BUNDLE_FILE)


def read_bundle(folder: Path) -> Bundle:
    """The manifest in a folder that `deploy export` wrote; BadInput if there is none."""
    return Bundle.read(folder / BUNDLE_DIR / BUNDLE_FILE)


def link(source: Path, target: Path) -> None:
    """The same file in another place; a copy where the disk is another."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise BadInput(f"{source}: cannot be copied to {target} ({error.strerror})") from error
