"""The progress of a benchmark command: lines on stderr, a bar as one at each tenth."""

import time

from rich.console import Console

from taskzip.contracts.progress import Progress

_PARTS = 10


class ToldProgress(Progress):
    """Tells steps and bars with the seconds since it was made."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._bars: list[_Bar] = []

    def step(self, text: str) -> None:
        """Print a line."""
        seconds = time.monotonic() - self._began
        self._console.print(f"{seconds:7.1f} s  {text}", highlight=False, markup=False)

    def start(self, text: str, total: int | None = None) -> int:
        """Print its text; a bar of unknown length says no more."""
        self.step(text)
        self._bars.append(_Bar(text, total or 0))
        return len(self._bars) - 1

    def advance(self, bar: int, units: int = 1) -> None:
        """Print where it stands when another tenth is done."""
        moved = self._bars[bar]
        before, after = moved.done, moved.done + units
        moved.done = after
        if moved.total and after * _PARTS // moved.total > before * _PARTS // moved.total:
            self.step(f"{moved.text}: {100 * after // moved.total} %")

    def finish(self, bar: int) -> None:
        """Print nothing."""


class _Bar:
    def __init__(self, text: str, total: int) -> None:
        self.text, self.total, self.done = text, total, 0
