"""Processes that export, one a runtime, side by side: the frameworks are slow to import."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.names import Runtime
from taskzip.contracts.progress import Progress, Silent, progress_bar
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.failures import Failures
from taskzip.pipeline.exporters.frameworks import require
from taskzip.pipeline.exporters.limits import check_size
from taskzip.pipeline.exporters.orders import Exported, FileOrder, Outcome
from taskzip.pipeline.exporters.programs import load_rows, save_entries, save_rows
from taskzip.pipeline.exporters.worker import Question, Request
from taskzip.pipeline.exporters.worker_process import WorkerProcess, start_worker


@dataclass(frozen=True)
class ExportWorkers:
    """Running workers; make them with `export_workers`."""

    _workers: dict[Runtime, WorkerProcess]
    _folder: Path
    _saved: dict[tuple[int, ...], tuple[Path, tuple[EntryPoint, ...]]] = field(default_factory=dict)

    def export(
        self, orders: Sequence[FileOrder], tolerance: Tolerance, progress: Progress | None = None
    ) -> tuple[Exported, ...]:
        """Make all files, those of different runtimes side by side; checked against torch.

        Raises BadInput for a network that cannot be exported, and CheckFailed for a file whose
        outputs are not torch's or that stores shared weights twice.
        """
        return self._make(orders, tolerance, progress or Silent(), keep_going=False).exported

    def export_where_possible(
        self, orders: Sequence[FileOrder], tolerance: Tolerance, progress: Progress | None = None
    ) -> Outcome:
        """The same, but a runtime whose file fails is left out; raises only if none is left."""
        return self._make(orders, tolerance, progress or Silent(), keep_going=True)

    def _make(
        self,
        orders: Sequence[FileOrder],
        tolerance: Tolerance,
        progress: Progress,
        *,
        keep_going: bool,
    ) -> Outcome:
        failures = Failures({order.runtime for order in orders}, keep_going)
        for order in orders:
            with failures.kept(order.runtime):
                check_size(order.runtime, order.path, order.entries)
        possible = [order for order in orders if order.runtime not in failures.found]
        programs = [self._programs(order.entries) for order in possible]
        with ExitStack() as stack:
            bar = stack.enter_context(progress_bar(progress, "Exporting", len(possible)))
            pools = {runtime: stack.enter_context(_pool_of_one()) for runtime in self._workers}
            futures = {
                pools[order.runtime].submit(
                    self._workers[order.runtime].fulfil, order, folder, tolerance
                ): order.runtime
                for order, folder in zip(possible, programs, strict=True)
            }
            for future in as_completed(futures):
                with failures.kept(futures[future]):
                    progress.step(_said(future.result()))
                progress.advance(bar)
                _cancel(future for future, name in futures.items() if name in failures.found)
        made = (future.result() for future, name in futures.items() if name not in failures.found)
        return Outcome(tuple(made), failures.found)

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
        workers: dict[Runtime, WorkerProcess] = {}
        for runtime in dict.fromkeys(runtimes):
            log = stack.enter_context(tempfile.TemporaryFile())
            workers[runtime] = start_worker(runtime, log)
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


def _cancel(futures: Iterable[Future[Exported]]) -> None:
    for future in futures:
        future.cancel()


def _said(done: Exported) -> str:
    worst = max(parity.max_abs_error for parity in done.parities)
    order = done.order
    size = sum(path.stat().st_size for path in order.paths)
    precision = order.making.precision
    what = "" if precision == "fp32" else f" of {precision}"
    slow = "".join(
        f"; {each.task}: {each.share:.0%} of an inference here is in {each.operator}, which "
        "XNNPACK leaves to ExecuTorch's own kernels"
        for each in done.fallbacks
    )
    return (
        f"{order.runtime}/{order.path.name}: {size / 1024:.0f} KiB{what} "
        f"in {done.seconds:.1f} s, differs from torch by {worst:.1e}{slow}"
    )
