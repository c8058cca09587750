"""Runs a plan on devices and keeps every event."""

import math
import re
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import Lock, current_thread, main_thread
from typing import Protocol

from taskzip.benchmarks.journal import OUTPUTS_DIR, Journal, count_finished
from taskzip.benchmarks.plan import Plan, PlannedRun
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import DeviceTrouble
from taskzip.contracts.events import Done, Event, Failure, Output, Switch
from taskzip.contracts.progress import Progress, progress_bar
from taskzip.contracts.record import Record
from taskzip.contracts.runspec import RunSpec

_ELEMENT_BYTES = {"float32": 4, "float16": 2, "int64": 8, "int32": 4}
_TURN_S = 0.25


class RunsSpecs(Protocol):
    """A device, connected and holding the bundle and the runner."""

    def run(self, spec: RunSpec) -> Iterable[Event]:
        """Run one process to its end; its events as they come."""

    def fetch(self, path: str) -> bytes:
        """The content of a file below the runner's working folder."""


class Stopped(Exception):
    """The experiment ends; what this device was about to do is of no use any more."""


def run_experiment(  # noqa: PLR0913 - each is a thing of its own
    devices: Sequence[RunsSpecs],
    plan: Plan,
    folder: Path,
    conditions: Conditions,
    progress: Progress,
    *,
    resume: bool = False,
) -> None:
    """Run what is to do; each run's records are in `folder`'s journal once it has ended.

    All runs of a runtime are run by one device, in the plan's order; several devices share the
    runtimes and work at the same time. Outputs of parity runs are fetched into
    `folder/outputs/<run>/`. With `resume` the finished runs of the same plan are kept and not run
    again. DeviceTrouble when a run fails; what was measured until then stays.
    """
    if not resume:
        _tell_of_unfinished(folder, plan, progress)
    journal = (Journal.resume if resume else Journal.start)(folder, plan, conditions)
    with progress_bar(progress, "Measuring", len(journal.remaining)) as bar:
        experiment = _Experiment(journal, progress, bar)
        with ThreadPoolExecutor(len(devices)) as threads:
            try:
                with _signals_wait():
                    lanes = [
                        threads.submit(experiment.run_all, device, runs)
                        for device, runs in zip(
                            devices, _lanes(journal.remaining, len(devices)), strict=True
                        )
                    ]
                _wait_for(lanes)
            finally:
                experiment.stop.set()
    for trouble in (lane.exception() for lane in lanes):
        if trouble is not None and not isinstance(trouble, Stopped):
            raise trouble


def _tell_of_unfinished(folder: Path, plan: Plan, progress: Progress) -> None:
    done, total = count_finished(folder, plan)
    if done:
        progress.step(
            f"an interrupted measurement with {done} of {total} runs is replaced; "
            "--resume would have kept them"
        )


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Ctrl-C comes after the block: a thread whose start it breaks off is waited for by nobody."""
    if current_thread() is not main_thread():
        yield
        return
    came: list[int] = []
    before = {
        each: signal.signal(each, lambda number, _frame: came.append(number))
        for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in came[:1]:
        signal.raise_signal(number)


def _wait_for(lanes: Sequence[Future[None]]) -> None:
    """Until all have ended, or one has failed.

    In short turns: a signal that comes in the instant before a wait begins does not end it.
    """
    pending = {*lanes}
    while pending:
        done, pending = wait(lanes, _TURN_S, FIRST_EXCEPTION)
        if any(lane.exception() for lane in done):
            return


def _lanes(runs: Sequence[PlannedRun], count: int) -> list[list[PlannedRun]]:
    """The runs of each of `count` devices: a runtime's are kept together and in order."""
    runtimes = list(dict.fromkeys(run.spec.runtime for run in runs))
    return [
        [run for run in runs if runtimes.index(run.spec.runtime) % count == lane]
        for lane in range(count)
    ]


@dataclass
class _Experiment:
    """What the devices of one experiment share."""

    journal: Journal
    progress: Progress
    bar: int
    stop: Flag = field(default_factory=Flag)
    _lock: Lock = field(default_factory=Lock)

    def run_all(self, device: RunsSpecs, runs: Sequence[PlannedRun]) -> None:
        """Run them one after the other; Stopped when another device failed meanwhile."""
        for planned in runs:
            records: list[Record] = []
            try:
                self._measure(device, planned, records)
            except BaseException:
                self._keep(record for record in records if not isinstance(record.event, Done))
                raise
            self._keep(records)
            self.progress.advance(self.bar)

    def _measure(self, device: RunsSpecs, planned: PlannedRun, records: list[Record]) -> None:
        """Run one process, adding its records as they come; DeviceTrouble unless it ends well."""
        for event in device.run(planned.spec):
            records.append(_record(planned, event))
            if self.stop.is_set():
                raise Stopped
        _refuse_unfinished(planned.spec, records)
        if planned.spec.mode == "latency":
            _refuse_incomplete(planned.spec, records)
        elif planned.spec.mode == "parity":
            _fetch_outputs(device, planned.spec, records, self.journal.folder)

    def _keep(self, records: Iterable[Record]) -> None:
        with self._lock:
            self.journal.append(records)


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
