"""Export workers end with their block, and say what happened when they end before."""

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.orders import FileOrder
from taskzip.pipeline.exporters.workers import export_workers

TOLERANCE = Tolerance(absolute=1e-5, relative=1e-5)


def _children() -> set[int]:
    """The processes that this process has started and not yet waited for."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def test_an_interrupt_leaves_no_process() -> None:
    before = _children()
    with pytest.raises(KeyboardInterrupt):
        _start_and_interrupt(before)
    assert _children() == before


def _start_and_interrupt(before: set[int]) -> None:
    with export_workers(("litert", "executorch")):
        assert len(_children() - before) == 2
        raise KeyboardInterrupt


def test_a_worker_that_dies_is_reported_with_the_file(tmp_path: Path) -> None:
    entry = EntryPoint("lone", nn.Linear(2, 2).eval(), (torch.ones(1, 2),))
    order = FileOrder(tmp_path / "lone.tflite", "litert", (entry,))
    before = _children()
    with export_workers(("litert",)) as workers:
        (pid,) = _children() - before
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(BadInput, match=r"ended with code -9 at lone\.tflite"):
            workers.export([order], TOLERANCE)
    assert list(tmp_path.iterdir()) == []
