"""A training's state in one file, so that what was interrupted goes on and ends the same."""

import time
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from taskzip.contracts.document import Document, write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.retraining.run import Run, Standing

_MOST_TIME_WRITING = 1 / 20
"""Where writing takes long, it is done less often than asked."""
_HEADER = "training"


class _Header(Document):
    """What is beside the tensors."""

    format: Literal[1] = 1
    key: str
    seconds: float
    standing: Standing


class Checkpoint:
    """The file at `path`; only a run with the same `key` goes on from it."""

    def __init__(self, path: Path, key: str, seconds_between: float) -> None:
        self._path = path
        self._key = key
        self._between = seconds_between
        self._started = time.monotonic()
        self._due = self._started + seconds_between

    @property
    def seconds(self) -> float:
        """How long the run has taken, interruptions not counted."""
        return time.monotonic() - self._started

    def resume(self, run: Run) -> bool:
        """Bring `run` where the file left it; False if it is not there or another run's."""
        try:
            with safe_open(self._path, framework="pt") as file:
                header = _Header.parse((file.metadata() or {}).get(_HEADER, ""), str(self._path))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        except (OSError, SafetensorError, BadInput):
            return False
        if header.key != self._key:
            return False
        run.go_on_from(header.standing, tensors)
        self._started -= header.seconds
        return True

    def write_if_due(self, run: Run) -> None:
        """Write the file, if the last one is old enough."""
        now = time.monotonic()
        if now < self._due:
            return
        header = _Header(key=self._key, seconds=self.seconds, standing=run.standing)
        tensors = {name: each.contiguous() for name, each in run.tensors().items()}
        write_atomically(self._path, save(tensors, {_HEADER: header.model_dump_json()}))
        written = time.monotonic()
        self._due = written + max(self._between, (written - now) / _MOST_TIME_WRITING)
