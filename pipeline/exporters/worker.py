"""A process that exports for one runtime: `python -m taskzip.pipeline.exporters.worker RUNTIME`.

It imports the framework at once, then answers each line of stdin, a Request, by a line of stdout, a
Reply, until stdin closes. Whatever the frameworks print goes to stderr.
"""

import os
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Literal, TextIO, cast

import torch

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput, CheckFailed, TaskzipError
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.pipeline.entry import TensorNames
from taskzip.pipeline.exporters import executorch, litert
from taskzip.pipeline.exporters.fallbacks import Fallback, fallbacks
from taskzip.pipeline.exporters.frameworks import require
from taskzip.pipeline.exporters.making import AS_IT_IS, Making
from taskzip.pipeline.exporters.parity import HostParity, Run, compare, open_file, require_ok
from taskzip.pipeline.exporters.precision import check_is_in, export_rounded
from taskzip.pipeline.exporters.programs import load_entries, load_rows, save_rows
from taskzip.pipeline.exporters.stored_once import check_stored_once

EXPORTERS = {"executorch": executorch, "litert": litert}


class Order(Document):
    """One file to make: entries of `programs` (by position) into `path`."""

    path: str
    programs: str
    tolerance: Tolerance
    making: Making = AS_IT_IS


class Question(Document):
    """What an entry of a file answers to inputs (n, …), one at a time; into `answers`."""

    path: str
    entry: str
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    inputs: str
    answers: str


class Request(Document):
    """A line of stdin: one of both."""

    order: Order | None = None
    question: Question | None = None


class Parity(Document):
    """HostParity in transit; an error that is not finite travels as None."""

    task: str
    max_abs_error: float
    allowed: float


class Reply(Document):
    """What became of an order; `parities` are all within tolerance where `failure` is None."""

    seconds: float = 0.0
    parities: tuple[Parity, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    failure: Literal["bad-input", "check-failed"] | None = None
    message: str = ""


def fulfil(runtime: Runtime, request: Request) -> Reply:
    """Export and check a file, or ask one; errors written for the user become a Reply."""
    started = time.monotonic()
    found: tuple[HostParity, ...] = ()
    slow: tuple[Fallback, ...] = ()
    try:
        if request.order:
            found, slow = _export_and_check(runtime, request.order)
        if request.question:
            _answer(runtime, request.question)
    except BadInput as error:
        return Reply(failure="bad-input", message=str(error))
    except CheckFailed as error:
        return Reply(failure="check-failed", message=str(error))
    parities = tuple(
        Parity(task=one.task, max_abs_error=one.max_abs_error, allowed=one.allowed) for one in found
    )
    return Reply(seconds=time.monotonic() - started, parities=parities, fallbacks=slow)


def _export_and_check(
    runtime: Runtime, order: Order
) -> tuple[tuple[HostParity, ...], tuple[Fallback, ...]]:
    path = Path(order.path)
    loaded = load_entries(Path(order.programs))
    entries = [entry for entry, _ in loaded]
    cases = {entry.name: cases for entry, cases in loaded}
    if order.making.precision == "fp32":
        EXPORTERS[runtime].export(entries, path, order.making)
        found = require_ok(compare(path, runtime, cases, order.tolerance))
    else:
        found = export_rounded(runtime, entries, cases, path, (order.making, order.tolerance))
    ledger = check_stored_once(path, entries)
    check_is_in(order.making.precision, ledger)
    if order.making.delegate == "none":
        return found, ()
    return found, fallbacks(path, runtime, {entry.name: entry.inputs for entry in entries})


def _answer(runtime: Runtime, question: Question) -> None:
    run = _opened(runtime, question.path, Path(question.path).stat().st_mtime_ns)
    rows = zip(*(each.split(1) for each in load_rows(Path(question.inputs))), strict=True)
    names = TensorNames(question.input_names, question.output_names)
    answers = [run(question.entry, row, names) for row in rows]
    outputs = [torch.cat(each) for each in zip(*answers, strict=True)]
    save_rows(outputs, Path(question.answers))


@lru_cache(maxsize=1)
def _opened(runtime: Runtime, path: str, changed_ns: int) -> Run:
    """Open as long as the same file is asked, which `changed_ns` tells from others."""
    return open_file(runtime, Path(path))


def main() -> None:
    """Serve one runtime over stdin and stdout."""
    runtime = cast(Runtime, sys.argv[1])
    if runtime not in RUNTIMES:
        raise TaskzipError(f"{runtime!r} is no runtime; known: {', '.join(RUNTIMES)}")
    replies = _take_stdout()
    require(runtime)
    EXPORTERS[runtime].load_framework()
    for line in sys.stdin:
        reply = fulfil(runtime, Request.parse(line, "request"))
        replies.write(reply.model_dump_json() + "\n")


def _take_stdout() -> TextIO:
    """The real stdout, line by line; what others write to stdout goes to stderr from now on."""
    own = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return own


if __name__ == "__main__":
    main()
