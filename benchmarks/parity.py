"""Outputs from the device against the host's: every file, every task.

The host's are torch's, or, of files that are not in fp32, those of the same file.
"""

from collections.abc import Iterable, Iterator
from math import inf, prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taskzip.benchmarks.experiment import outputs_path
from taskzip.benchmarks.journal import finished
from taskzip.benchmarks.plan import PARITY_DEPLOYMENTS
from taskzip.benchmarks.specs import output_file
from taskzip.contracts.bundle import Bundle, Task, TensorSpec
from taskzip.contracts.events import Output
from taskzip.contracts.names import ModelKind, Runtime
from taskzip.contracts.record import Record
from taskzip.contracts.report import Parity


class _Key(NamedTuple):
    """A parity run and the kind of files it covers."""

    run: str
    runtime: Runtime
    kind: ModelKind
    packed_cache: bool


def check_parity(
    bundle: Bundle, bundle_folder: Path, records: Iterable[Record], folder: Path
) -> tuple[Parity, ...]:
    """One result per file, task and packed-cache setting that was run.

    Outputs come from `folder/outputs/`, as the experiment left them. An output that is missing,
    of the wrong size or not finite is not ok.
    """
    written = {
        record.event.file for record in finished(records) if isinstance(record.event, Output)
    }
    checker = _Checker(bundle, bundle_folder, folder, written)
    return tuple(
        checker.check(key, task) for key in sorted(set(_keys(records))) for task in bundle.tasks
    )


def _keys(records: Iterable[Record]) -> Iterator[_Key]:
    kinds = {deployment: kind for kind, deployment in PARITY_DEPLOYMENTS.items()}
    for record in records:
        if record.mode == "parity":
            cell = record.cell
            yield _Key(record.run, cell.runtime, kinds[cell.deployment], cell.packed_cache)


class _Deviation(NamedTuple):
    """How far an output is off; `error` is None when there is nothing finite to compare."""

    error: float | None
    allowed: float

    @property
    def excess(self) -> float:
        """How far beyond what is allowed; infinite where nothing can be compared."""
        return inf if self.error is None else self.error - self.allowed


class _Checker(NamedTuple):
    bundle: Bundle
    bundle_folder: Path
    folder: Path
    written: set[str]

    def check(self, key: _Key, task: Task) -> Parity:
        """Compare all outputs of one task; the worst of them counts."""
        model = self.bundle.model(key.runtime, key.kind, task.name)
        golden_files = (
            model.serving(task.name).golden_outputs
            or (task.golden_outputs["joint" if key.kind == "joint" else "separate"])
        )
        worst = max(
            (
                self._deviation(output_file(key.run, task.name, index), spec, golden_file)
                for index, (spec, golden_file) in enumerate(
                    zip(task.outputs, golden_files, strict=True)
                )
            ),
            key=lambda deviation: deviation.excess,
        )
        return Parity(
            file=model.path,
            task=task.name,
            packed_cache=key.packed_cache,
            max_abs_error=worst.error,
            allowed=worst.allowed,
            ok=worst.excess <= 0,
        )

    def _deviation(self, file: str, spec: TensorSpec, golden_file: str) -> _Deviation:
        golden = _read(self.bundle_folder / golden_file, spec)
        actual = _read(outputs_path(self.folder, file), spec) if file in self.written else None
        allowed = self._allowed(golden)
        if actual is None or golden is None:
            return _Deviation(None, allowed)
        return _Deviation(float(np.max(np.abs(actual - golden), initial=0.0)), allowed)

    def _allowed(self, golden: NDArray[np.float64] | None) -> float:
        tolerance = self.bundle.tolerance
        largest = 0.0 if golden is None else float(np.max(np.abs(golden), initial=0.0))
        return tolerance.absolute + tolerance.relative * largest


def _read(path: Path, spec: TensorSpec) -> NDArray[np.float64] | None:
    """A raw little-endian tensor, flat; None unless it is there, fits its shape and is finite."""
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    size = prod(spec.shape)
    if not path.is_file() or path.stat().st_size != size * dtype.itemsize:
        return None
    values = np.fromfile(path, dtype=dtype).astype(np.float64)
    return values if np.isfinite(values).all() else None
