"""A process that exports for one runtime: `python -m taskzip.pipeline.exporters.worker RUNTIME`.

It imports the framework at once, then answers each line of stdin, an Order, by a line of stdout, a
Reply, until stdin closes. Whatever the frameworks print goes to stderr.
"""

import os
import sys
import time
from pathlib import Path
from typing import Literal, TextIO, cast

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput, CheckFailed, TaskzipError
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.pipeline.exporters import executorch, litert
from taskzip.pipeline.exporters.frameworks import require
from taskzip.pipeline.exporters.ledger import check_stored_once
from taskzip.pipeline.exporters.parity import HostParity, compare, require_ok
from taskzip.pipeline.exporters.programs import load_entries

EXPORTERS = {"executorch": executorch, "litert": litert}


class Order(Document):
    """One file to make: entries of `programs` (by position) into `path`."""

    path: str
    programs: str
    tolerance: Tolerance


class Parity(Document):
    """HostParity in transit; an error that is not finite travels as None."""

    task: str
    max_abs_error: float
    allowed: float


class Reply(Document):
    """What became of an order; `parities` are all within tolerance where `failure` is None."""

    seconds: float = 0.0
    parities: tuple[Parity, ...] = ()
    failure: Literal["bad-input", "check-failed"] | None = None
    message: str = ""


def fulfil(runtime: Runtime, order: Order) -> Reply:
    """Export and check one file; errors written for the user become a Reply."""
    started = time.monotonic()
    try:
        found = _export_and_check(runtime, order)
    except BadInput as error:
        return Reply(failure="bad-input", message=str(error))
    except CheckFailed as error:
        return Reply(failure="check-failed", message=str(error))
    parities = tuple(
        Parity(task=one.task, max_abs_error=one.max_abs_error, allowed=one.allowed) for one in found
    )
    return Reply(seconds=time.monotonic() - started, parities=parities)


def _export_and_check(runtime: Runtime, order: Order) -> tuple[HostParity, ...]:
    path = Path(order.path)
    loaded = load_entries(Path(order.programs))
    EXPORTERS[runtime].export([entry for entry, _ in loaded], path)
    check_stored_once(path, {entry.name: entry.module for entry, _ in loaded})
    cases = {entry.name: cases for entry, cases in loaded}
    return require_ok(compare(path, runtime, cases, order.tolerance))


def main() -> None:
    """Serve one runtime over stdin and stdout."""
    runtime = cast(Runtime, sys.argv[1])
    if runtime not in RUNTIMES:
        raise TaskzipError(f"{runtime!r} is no runtime; known: {', '.join(RUNTIMES)}")
    replies = _take_stdout()
    require(runtime)
    EXPORTERS[runtime].load_framework()
    for line in sys.stdin:
        reply = fulfil(runtime, Order.parse(line, "order"))
        replies.write(reply.model_dump_json() + "\n")


def _take_stdout() -> TextIO:
    """The real stdout, line by line; what others write to stdout goes to stderr from now on."""
    own = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return own


if __name__ == "__main__":
    main()
