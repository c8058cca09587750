"""An exporting process as its parent sees it: started, asked, stopped."""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.errors import BadInput, CheckFailed
from taskzip.contracts.names import Runtime
from taskzip.pipeline.exporters.orders import Exported, FileOrder
from taskzip.pipeline.exporters.parity import HostParity
from taskzip.pipeline.exporters.worker import Order, Reply, Request

_LOG_TAIL_BYTES = 2000
_STOP_SECONDS = 5.0


@dataclass
class WorkerProcess:
    """One for each runtime; it answers one request at a time."""

    runtime: Runtime
    process: subprocess.Popen[str]
    log: IO[bytes]

    def fulfil(self, order: FileOrder, programs: Path, tolerance: Tolerance) -> Exported:
        """Send the order and wait for its reply; raises what the worker found wrong."""
        line = Order(
            path=str(order.path),
            programs=str(programs),
            tolerance=tolerance,
            making=order.making,
        )
        reply = self.ask(Request(order=line), order.path.name)
        parities = tuple(
            HostParity(order.path.name, self.runtime, p.task, p.max_abs_error, p.allowed)
            for p in reply.parities
        )
        return Exported(order, reply.seconds, parities, reply.fallbacks)

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


def start_worker(runtime: Runtime, log: IO[bytes]) -> WorkerProcess:
    """Start it; `log` gets what its framework prints."""
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
    return WorkerProcess(runtime, process, log)
