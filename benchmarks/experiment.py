"""Runs a plan on a device and keeps every event."""

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from taskzip.benchmarks.journal import OUTPUTS_DIR, Journal
from taskzip.benchmarks.plan import Plan, PlannedRun
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.events import Done, Event, Failure, Output, Switch
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.record import Record
from taskzip.contracts.runspec import RunSpec

_ELEMENT_BYTES = {"float32": 4, "float16": 2, "int64": 8, "int32": 4}


class RunsSpecs(Protocol):
    """A device, connected and holding the bundle and the runner."""

    def run(self, spec: RunSpec) -> Iterable[Event]:
        """Run one process to its end; its events as they come."""

    def fetch(self, path: str) -> bytes:
        """The content of a file below the runner's working folder."""


def run_experiment(  # noqa: PLR0913 - each is a thing of its own
    device: RunsSpecs,
    plan: Plan,
    folder: Path,
    conditions: Conditions,
    progress: Progress,
    *,
    resume: bool = False,
) -> Iterator[Record]:
    """Run what is to do and yield its records, each run's once they are in `folder`'s journal.

    Outputs of parity runs are fetched into `folder/outputs/<run>/`. With `resume` the finished
    runs of the same plan are kept and not run again. DeviceTrouble when a run fails; what was
    measured until then stays.
    """
    journal = (Journal.resume if resume else Journal.start)(folder, plan, conditions)
    with progress_bar(progress, "Measuring", len(journal.remaining)) as bar:
        for planned in journal.remaining:
            records: list[Record] = []
            try:
                _measure(device, planned, folder, records)
            except BaseException:
                journal.append(r for r in records if not isinstance(r.event, Done))
                raise
            journal.append(records)
            progress.advance(bar)
            yield from records


def _measure(device: RunsSpecs, planned: PlannedRun, folder: Path, records: list[Record]) -> None:
    """Run one process, adding its records as they come; DeviceTrouble unless it ends well."""
    for event in device.run(planned.spec):
        records.append(_record(planned, event))
    _refuse_unfinished(planned.spec, records)
    if planned.spec.mode == "latency":
        _refuse_incomplete(planned.spec, records)
    elif planned.spec.mode == "parity":
        _fetch_outputs(device, planned.spec, records, folder)


def _record(planned: PlannedRun, event: Event) -> Record:
    return Record(
        run=planned.spec.run,
        cell=planned.cell,
        mode=planned.spec.mode,
        block=planned.block,
        event=event,
    )


def _refuse_unfinished(spec: RunSpec, records: list[Record]) -> None:
    last = records[-1].event if records else None
    if isinstance(last, Failure):
        raise DeviceTrouble(f"run {spec.run} failed on the device: {last.code}: {last.message}")
    if not isinstance(last, Done):
        raise DeviceTrouble(
            f"run {spec.run} ended after {len(records)} events without saying that it is done; "
            "the runner was killed (too little memory?) or the connection was lost"
        )


def _refuse_incomplete(spec: RunSpec, records: list[Record]) -> None:
    """Every step of a latency run must be there, with all its inferences."""
    steps = [record.event for record in records if isinstance(record.event, Switch)]
    tasks = [spec.tasks[index].name for index in spec.sequence]
    if [step.task for step in steps] != tasks:
        raise DeviceTrouble(
            f"run {spec.run}: {len(tasks)} switches were asked for, {len(steps)} fit"
        )
    if any(len(step.inference_ns) != spec.inferences for step in steps):
        raise DeviceTrouble(f"run {spec.run}: not every switch has {spec.inferences} inferences")


def _fetch_outputs(device: RunsSpecs, spec: RunSpec, records: list[Record], folder: Path) -> None:
    """Keep the outputs that a parity run wrote; only files of the spec, of the spec's size."""
    expected = {
        tensor.file: _ELEMENT_BYTES.get(tensor.dtype, 1) * math.prod(tensor.shape)
        for task in spec.tasks
        for tensor in task.outputs
    }
    for event in (record.event for record in records):
        if isinstance(event, Output):
            _refuse_unexpected(spec.run, event, expected)
            content = device.fetch(event.file)
            write_atomically(outputs_path(folder, event.file), content)


def outputs_path(folder: Path, file: str) -> Path:
    """Where the output that a run wrote to `file` (`runs/<run>/<name>`) is kept."""
    return folder / OUTPUTS_DIR / re.sub(r"^runs/", "", file)


def _refuse_unexpected(run: str, event: Output, expected: dict[str, int]) -> None:
    if event.file not in expected:
        raise DeviceTrouble(f"run {run} reports an output file it was not asked for: {event.file}")
    if event.bytes != expected[event.file]:
        raise DeviceTrouble(
            f"run {run}: output {event.file} has {event.bytes} bytes, "
            f"its shape asks for {expected[event.file]}"
        )
