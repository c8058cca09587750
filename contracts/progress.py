"""How long work tells that it is alive."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Receives what long work says; the command line draws it, tests ignore it."""

    def step(self, text: str) -> None:
        """Announce one finished or starting step as a line."""

    def start(self, text: str, total: int | None = None) -> int:
        """Open a bar of `total` units (None: unknown); returns its id."""

    def advance(self, bar: int, units: int = 1) -> None:
        """Move a bar on."""

    def finish(self, bar: int) -> None:
        """Close a bar."""


class Silent:
    """A Progress that shows nothing."""

    def step(self, text: str) -> None:
        """Show nothing."""

    def start(self, text: str, total: int | None = None) -> int:
        """Show nothing; every bar is 0."""
        return 0

    def advance(self, bar: int, units: int = 1) -> None:
        """Show nothing."""

    def finish(self, bar: int) -> None:
        """Show nothing."""


@contextmanager
def progress_bar(progress: Progress, text: str, total: int | None = None) -> Iterator[int]:
    """A bar that is closed however the block ends; yields its id."""
    bar = progress.start(text, total)
    try:
        yield bar
    finally:
        progress.finish(bar)
