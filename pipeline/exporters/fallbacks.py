"""What a .pte leaves to ExecuTorch's own kernels, and how much of an inference's time they take.

XNNPACK computes whatever it has operators for; the rest is called one by one. LiteRT's wheel has no
profile of a run, so nothing is said of a .tflite.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from taskzip.contracts.document import Document
from taskzip.contracts.names import Runtime, TaskName
from taskzip.pipeline.exporters.frameworks import contained_warnings
from taskzip.pipeline.exporters.whole_constants import whole_constants
from taskzip.pipeline.inspection.pte import own_kernels

LEAST_SHARE = 0.05
"""Of an inference's time: less is not worth a word."""
_MOST_RUNS = 30
_MOST_SECONDS = 0.5
_CALL = "native_call_"
_INFERENCE = "Method::execute"


class Fallback(Document):
    """An operator of one entry that no fast kernel computes."""

    task: TaskName
    operator: str
    share: float
    """Of an inference's time on this machine, all its calls."""


def fallbacks(
    path: Path, runtime: Runtime, inputs: dict[str, tuple[torch.Tensor, ...]]
) -> tuple[Fallback, ...]:
    """Those that take LEAST_SHARE or more; `inputs` of each entry, for a few runs of it."""
    if runtime != "executorch":
        return ()
    kernels = own_kernels(path)
    return tuple(
        found
        for entry, values in inputs.items()
        if kernels[entry]
        for found in _profiled(path, entry, values)
        if found.share >= LEAST_SHARE
    )


def _profiled(path: Path, entry: str, inputs: tuple[torch.Tensor, ...]) -> Iterator[Fallback]:
    spent: dict[str, float] = defaultdict(float)
    for name, milliseconds in _events(path, entry, inputs):
        spent[name] += milliseconds
    whole = spent[_INFERENCE]
    for name, milliseconds in sorted(spent.items(), key=itemgetter(1), reverse=True):
        if name.startswith(_CALL):
            operator = name.removeprefix(_CALL).partition(".")[0]
            yield Fallback(task=entry, operator=operator, share=milliseconds / whole)


def _events(
    path: Path, entry: str, inputs: tuple[torch.Tensor, ...]
) -> Iterator[tuple[str, float]]:
    """Names and median times of what happens in an inference, one for each place in the graph."""
    with contained_warnings(), tempfile.TemporaryDirectory() as folder:
        from executorch.devtools import Inspector  # noqa: PLC0415  # slow to import
        from executorch.extension.pybindings import portable_lib  # noqa: PLC0415

        with whole_constants(path) as ptd:
            data = None if ptd is None else str(ptd)
            module: Any = portable_lib._load_for_executorch(str(path), data, enable_etdump=True)
        end = time.monotonic() + _MOST_SECONDS
        for _ in range(_MOST_RUNS):
            module.run_method(entry, inputs)
            if time.monotonic() > end:
                break
        record = Path(folder) / "etdump"
        module.write_etdump_result_to_file(str(record))
        for block in Inspector(etdump_path=str(record)).event_blocks:
            for event in block.events:
                if not event.is_delegated_op and event.perf_data is not None:
                    yield event.name, event.perf_data.p50
