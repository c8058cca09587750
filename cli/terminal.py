"""What the user sees while and after: results on stdout, progress and errors on stderr."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from taskzip.cli.interrupts import INTERRUPTS

MIN_COLUMNS = 100
"""The tables need as many: a narrower terminal wraps lines, which is better than losing digits."""

err = Console(stderr=True)
out = Console(width=max(MIN_COLUMNS, Console().width))


def say_error(message: str) -> None:
    """Print an error; its text is data, never markup."""
    err.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


class TerminalProgress:
    """Draws steps as lines with the time since the start, and bars while they move."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        """Print a line."""
        INTERRUPTS.check()
        seconds = time.monotonic() - self._began
        err.print(
            Text.assemble((f"{seconds:7.1f} s  ", "dim"), text), highlight=False, soft_wrap=True
        )

    def start(self, text: str, total: int | None = None) -> int:
        """Open a bar; where nothing can be redrawn, print its text as a line."""
        if not err.is_terminal:
            self.step(text)
        return int(self._bars.add_task(text, total=total))

    def advance(self, bar: int, units: int = 1) -> None:
        """Move a bar on."""
        INTERRUPTS.check()
        self._bars.advance(TaskID(bar), units)

    def finish(self, bar: int) -> None:
        """Take a bar off the screen."""
        self._bars.remove_task(TaskID(bar))


@contextmanager
def terminal_progress() -> Iterator[TerminalProgress]:
    """A Progress for the length of a verb."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bars:
        yield TerminalProgress(bars)
