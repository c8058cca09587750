"""Processes that export, one a runtime, side by side: the frameworks are slow to import."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import torch

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.errors import BadInput, CheckFailed
from taskzip.contracts.names import Precision, Runtime
from taskzip.contracts.progress import Progress, Silent, progress_bar
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.frameworks import require
from taskzip.pipeline.exporters.parity import HostParity
from taskzip.pipeline.exporters.programs import load_rows, save_entries, save_rows
from taskzip.pipeline.exporters.worker import Order, Question, Reply, Request

_LOG_TAIL_BYTES = 2000
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class FileOrder:
    """A file to export: where, for which runtime, with which entries."""

    path: Path
    runtime: Runtime
    entries: tuple[EntryPoint, ...]
    precision: Precision = "fp32"


@dataclass(frozen=True)
class Exported:
    """What exporting one file took and how near its entries are to torch."""

    order: FileOrder
    seconds: float
    parities: tuple[HostParity, ...]


@dataclass
class _Worker:
    runtime: Runtime
    process: subprocess.Popen[str]
    log: IO[bytes]

    def fulfil(self, order: FileOrder, programs: Path, tolerance: Tolerance) -> Exported:
        """Send the order and wait for its reply; raises what the worker found wrong."""
        line = Order(
            path=str(order.path),
            programs=str(programs),
            tolerance=tolerance,
            precision=order.precision,
        )
        reply = self.ask(Request(order=line), order.path.name)
        parities = tuple(
            HostParity(order.path.name, self.runtime, p.task, p.max_abs_error, p.allowed)
            for p in reply.parities
        )
        return Exported(order, reply.seconds, parities)

    def ask(self, request: Request, name: str) -> Reply:
        """The reply to a request about the file `name`; raises what the worker found wrong."""
        reply = self._reply(request, name)
        if reply.failure == "bad-input":
            raise BadInput(reply.message)
        if reply.failure == "check-failed":
            raise CheckFailed(reply.message)
        return reply

    def _reply(self, request: Request, name: str) -> Reply:
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None  # noqa: S101  # both pipes are asked for in _start
        assert answers is not None  # noqa: S101
        try:
            questions.write(request.model_dump_json() + "\n")
            questions.flush()
            answer = answers.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise BadInput(
                f"{self.runtime}: the exporter ended with code {self.process.wait()} at {name} "
                f"(a negative code is a signal; -9 means that memory ran out); "
                f"its last words: {self._last_words()}"
            )
        return Reply.parse(answer, f"{self.runtime} exporter")

    def _last_words(self) -> str:
        self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, self.log.tell() - _LOG_TAIL_BYTES))
        return self.log.read().decode(errors="replace").strip() or "none"

    def stop(self) -> None:
        """End the process, whatever it is doing, and close its pipes."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # an order that the dead process never read
                    pipe.close()


@dataclass(frozen=True)
class ExportWorkers:
    """Running workers; make them with `export_workers`."""

    _workers: dict[Runtime, _Worker]
    _folder: Path
    _saved: dict[tuple[int, ...], tuple[Path, tuple[EntryPoint, ...]]] = field(default_factory=dict)

    def export(
        self, orders: Sequence[FileOrder], tolerance: Tolerance, progress: Progress | None = None
    ) -> tuple[Exported, ...]:
        """Make all files, those of different runtimes side by side; checked against torch.

        Raises BadInput for a network that cannot be exported, and CheckFailed for a file whose
        outputs are not torch's or that stores shared weights twice.
        """
        show: Progress = progress or Silent()
        programs = [self._programs(order.entries) for order in orders]
        with ExitStack() as stack:
            bar = stack.enter_context(progress_bar(show, "Exporting", len(orders)))
            pools = {runtime: stack.enter_context(_pool_of_one()) for runtime in self._workers}
            futures = [
                pools[order.runtime].submit(
                    self._workers[order.runtime].fulfil, order, folder, tolerance
                )
                for order, folder in zip(orders, programs, strict=True)
            ]
            for future in as_completed(futures):
                done = future.result()
                show.advance(bar)
                show.step(_said(done))
        return tuple(future.result() for future in futures)

    def answers(
        self, path: Path, runtime: Runtime, entry: EntryPoint, inputs: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """What an entry of a file answers to inputs (n, …), one by one: outputs (n, …)."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            asked, answered = Path(folder) / "inputs", Path(folder) / "answers"
            save_rows(inputs, asked)
            question = Question(
                path=str(path),
                entry=entry.name,
                input_names=entry.names.inputs,
                output_names=entry.names.outputs,
                inputs=str(asked),
                answers=str(answered),
            )
            self._workers[runtime].ask(Request(question=question), path.name)
            return load_rows(answered)

    def _programs(self, entries: tuple[EntryPoint, ...]) -> Path:
        """The folder with these very entries; written when first asked for."""
        key = tuple(id(entry) for entry in entries)
        if key not in self._saved:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            save_entries(entries, folder)
            self._saved[key] = (folder, entries)  # holding them keeps their ids their own
        return self._saved[key][0]


@contextmanager
def export_workers(runtimes: Sequence[Runtime]) -> Iterator[ExportWorkers]:
    """Start a worker for each runtime; they import their frameworks while the caller goes on."""
    for runtime in runtimes:
        require(runtime)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="taskzip-export-")))
        workers: dict[Runtime, _Worker] = {}
        for runtime in dict.fromkeys(runtimes):
            log = stack.enter_context(tempfile.TemporaryFile())
            workers[runtime] = _start(runtime, log)
            stack.callback(workers[runtime].stop)
        yield ExportWorkers(workers, folder)


@contextmanager
def _pool_of_one() -> Iterator[ThreadPoolExecutor]:
    """A thread whose queued work is dropped when the block fails.

    What it is doing is waited for, so that the worker is ready for the next order; except on
    Ctrl-C, when the worker is about to be stopped.
    """
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        yield pool
    except Exception:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start(runtime: Runtime, log: IO[bytes]) -> _Worker:
    # -P: a file of the current folder must not hide a module of the frameworks.
    # A session of its own: Ctrl-C reaches this process alone, which then stops the worker.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "taskzip.pipeline.exporters.worker", runtime],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONHASHSEED": "0"},
        start_new_session=True,
    )
    return _Worker(runtime, process, log)


def _said(done: Exported) -> str:
    worst = max(parity.max_abs_error for parity in done.parities)
    order = done.order
    size = order.path.stat().st_size
    what = "" if order.precision == "fp32" else f" of {order.precision}"
    return (
        f"{order.runtime}/{order.path.name}: {size / 1024:.0f} KiB{what} "
        f"in {done.seconds:.1f} s, differs from torch by {worst:.1e}"
    )
