"""Files in less than fp32: what makes them, and what their answers are held to.

ExecuTorch's are rounded in torch, which can then say what they must answer. LiteRT's are rounded in
the file: that one agrees with torch before, and is near it after.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.config import TOLERANCES
from taskzip.contracts.errors import BadInput, CheckFailed
from taskzip.contracts.ledger import FileLedger
from taskzip.contracts.names import Precision, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters import executorch, executorch_precision, litert, litert_precision
from taskzip.pipeline.exporters.making import Making
from taskzip.pipeline.exporters.parity import (
    Case,
    HostParity,
    calibration_cases,
    compare,
    require_ok,
)

FURTHEST = 0.5
"""Of the largest output: a .tflite that is further from fp32 computes something else."""
LEAST_ROUNDED = 0.5
"""Of a file's numbers: what must be in the precision that was asked for."""
_TYPES: dict[Precision, tuple[str, ...]] = {
    "fp16": ("float16",),
    "int8-dynamic": ("int8", "qcint8", "qint8"),
    "int8-static": ("int8", "qcint8", "qint8"),
}
WHY: dict[Precision, str] = {
    "fp16": "ExecuTorch's XNNPACK delegate takes filters of convolutions in fp32",
    "int8-dynamic": "ExecuTorch's XNNPACK delegate has it for linear layers and two-dimensional "
    "convolutions that are not depthwise, LiteRT for layers with weights",
    "int8-static": "the runtimes have it for convolutions and linear layers",
}


def export_rounded(
    runtime: Runtime,
    entries: Sequence[EntryPoint],
    cases: Mapping[str, Sequence[Case]],
    path: Path,
    wanted: tuple[Making, Tolerance],
) -> tuple[HostParity, ...]:
    """Write `path` in a precision below fp32 and check its answers; `cases` are torch's in fp32."""
    making, tolerance = wanted
    if runtime == "litert":
        return _export_litert(entries, cases, path, making)
    rounded = executorch_precision.rounded(entries, making.precision)
    executorch.export(rounded, path, making)
    expected = {entry.name: calibration_cases(entry) for entry in rounded}
    return require_ok(compare(path, runtime, expected, tolerance))


def _export_litert(
    entries: Sequence[EntryPoint],
    cases: Mapping[str, Sequence[Case]],
    path: Path,
    making: Making,
) -> tuple[HostParity, ...]:
    full = path.with_name(f".fp32.{path.name}")
    try:
        litert.convert(entries, full)
        require_ok(compare(full, "litert", cases, TOLERANCES["fp32"]))
        litert_precision.round_file(full, path, entries, making.precision)
        litert.add_provenance(path, entries, making)
    finally:
        full.unlink(missing_ok=True)
    expected = {entry.name: calibration_cases(entry) for entry in entries}
    found = compare(path, "litert", expected, Tolerance(absolute=0.0, relative=FURTHEST))
    for parity in found:
        if not parity.ok:
            raise CheckFailed(
                f"{path.name}: task {parity.task} differs from torch by {parity.max_abs_error:.3g} "
                f"in {making.precision}, more than half of its largest output; try another "
                "[export] precision"
            )
    return found


def check_is_in(precision: Precision, ledger: FileLedger) -> None:
    """BadInput if most of the file's numbers are not in that precision."""
    if precision == "fp32":
        return
    rounded = sum(each.numbers for each in ledger.constants if each.dtype in _TYPES[precision])
    if rounded < LEAST_ROUNDED * ledger.numbers:
        raise BadInput(
            f"{ledger.runtime}: {precision} would hold for {rounded:,} of {ledger.numbers:,} "
            f"numbers in {Path(ledger.path).name}: {WHY[precision]}; set another [export] "
            f"precision, or leave {ledger.runtime!r} out of [export] runtimes"
        )


def left_whole(ledger: FileLedger) -> int:
    """Numbers of filters and matrices that a file keeps in fp32; factors of their rows are none."""
    return sum(
        each.numbers
        for each in ledger.constants
        if each.dtype == "float32"
        and len(each.shape) > 1
        and any(use.operator.endswith("filter") for use in each.uses)
    )
