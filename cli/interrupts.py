"""Ctrl-C that cannot get lost.

A library may swallow the KeyboardInterrupt that arrives while it is imported (a bare `except`).
So it is remembered, and raised again when the work next says that it is alive.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn


class Interrupts:
    """Remembers a signal to end until it has ended something."""

    def __init__(self) -> None:
        self._asked = False

    def listen(self) -> None:
        """Take SIGINT and SIGTERM from now on."""
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._raise)

    def check(self) -> None:
        """KeyboardInterrupt if one was swallowed; nothing while one is on its way up."""
        if self._asked and sys.exc_info()[0] is None:
            self._asked = False
            raise KeyboardInterrupt

    def _raise(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        self._asked = True
        raise KeyboardInterrupt


INTERRUPTS = Interrupts()
"""The process has one set of signals."""
