"""Runtimes that cannot hold a network: the end of an export, or left out of it."""

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

from taskzip.contracts.errors import TaskzipError
from taskzip.contracts.names import Runtime


class Failures:
    """`found`: the first error of each runtime that is left out."""

    def __init__(self, runtimes: set[Runtime], keep_going: bool) -> None:
        self._runtimes = runtimes
        self._keep_going = keep_going
        self.found: dict[Runtime, TaskzipError] = {}

    @contextmanager
    def kept(self, runtime: Runtime) -> Iterator[None]:
        """Within the block, what fails is kept and the others go on, as long as one is left."""
        try:
            yield
        except CancelledError:
            if runtime not in self.found:
                raise
        except TaskzipError as error:
            self.found.setdefault(runtime, error)
            if not self._keep_going or set(self.found) == self._runtimes:
                raise
