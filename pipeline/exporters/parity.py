"""Parity: what an exported file computes on this machine, beside what torch computes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.names import Runtime
from taskzip.pipeline.entry import UNNAMED, EntryPoint, TensorNames
from taskzip.pipeline.exporters.frameworks import cannot_run, contained_warnings, require
from taskzip.pipeline.exporters.tensors import outputs_of
from taskzip.pipeline.exporters.whole_constants import whole_constants
from taskzip.pipeline.inspection.pte import own_kernels

RANDOM_CASES = 3
Tensors = tuple[torch.Tensor, ...]
Run = Callable[[str, Tensors, TensorNames], Tensors]


@dataclass(frozen=True)
class Case:
    """Inputs of an entry, and torch's outputs for them."""

    inputs: Tensors
    outputs: Tensors
    names: TensorNames = UNNAMED


@dataclass(frozen=True)
class HostParity:
    """The largest difference over all cases of one entry of one file."""

    file: str
    runtime: Runtime
    task: str
    max_abs_error: float
    allowed: float

    @property
    def ok(self) -> bool:
        """Whether the difference is within the tolerance (NaN never is)."""
        return self.max_abs_error <= self.allowed


def calibration_cases(entry: EntryPoint) -> tuple[Case, ...]:
    """Some of its real inputs, with torch's outputs: random ones have other ranges."""
    rows = zip(*(each.split(1)[:RANDOM_CASES] for each in entry.calibration), strict=True)
    return _cases(entry, (entry.inputs, *rows))


def cases_of(entry: EntryPoint, seed: int = 1) -> tuple[Case, ...]:
    """The entry's own inputs and RANDOM_CASES standard normal ones, with torch's outputs."""
    generator = torch.Generator().manual_seed(seed)
    inputs = [entry.inputs] + [
        tuple(torch.randn(tensor.shape, generator=generator) for tensor in entry.inputs)
        for _ in range(RANDOM_CASES)
    ]
    return _cases(entry, inputs)


def _cases(entry: EntryPoint, inputs: Iterable[Tensors]) -> tuple[Case, ...]:
    return tuple(Case(case, outputs_of(entry.module, case), entry.names) for case in inputs)


def check(
    path: Path, runtime: Runtime, entries: Sequence[EntryPoint], tolerance: Tolerance
) -> tuple[HostParity, ...]:
    """How far each entry of the file is from its network in torch."""
    return compare(path, runtime, {entry.name: cases_of(entry) for entry in entries}, tolerance)


def require_parity(
    path: Path, runtime: Runtime, entries: Sequence[EntryPoint], tolerance: Tolerance
) -> tuple[HostParity, ...]:
    """As `check`; CheckFailed names the file, the task, the difference and what is allowed."""
    return require_ok(check(path, runtime, entries, tolerance))


def require_ok(found: tuple[HostParity, ...]) -> tuple[HostParity, ...]:
    """The same parities; CheckFailed for the first that is not within its tolerance."""
    for parity in found:
        if not parity.ok:
            raise CheckFailed(
                f"{parity.file}: task {parity.task} differs from torch by "
                f"{parity.max_abs_error:.3g} in {parity.runtime} on this machine; "
                f"{parity.allowed:.3g} is allowed ([export] tolerance_absolute, tolerance_relative)"
            )
    return found


def compare(
    path: Path, runtime: Runtime, cases: Mapping[str, Sequence[Case]], tolerance: Tolerance
) -> tuple[HostParity, ...]:
    """How far the file's entries are from outputs that torch computed before."""
    require(runtime)
    run = open_file(runtime, path)
    return tuple(
        _furthest(
            path,
            runtime,
            task,
            [_error(run(task, case.inputs, case.names), case, tolerance) for case in some],
        )
        for task, some in cases.items()
    )


def open_file(runtime: Runtime, path: Path) -> Run:
    """The file, ready to run its entries on this machine."""
    return _OPENERS[runtime](path)


def _furthest(
    path: Path, runtime: Runtime, task: str, errors: Sequence[tuple[float, float]]
) -> HostParity:
    """Of pairs (difference, allowed), the one that exceeds or comes nearest to what is allowed."""
    error, allowed = max(errors, key=lambda pair: (not pair[0] <= pair[1], pair[0] - pair[1]))
    return HostParity(path.name, runtime, task, error, allowed)


def _error(found: Tensors, case: Case, tolerance: Tolerance) -> tuple[float, float]:
    if [tensor.shape for tensor in found] != [tensor.shape for tensor in case.outputs]:
        return float("inf"), tolerance.absolute
    pairs = list(zip(found, case.outputs, strict=True))
    largest = max(float(expected.abs().max()) for _, expected in pairs)
    errors = torch.stack([(one - other).abs().max() for one, other in pairs])
    return float(errors.max()), tolerance.absolute + tolerance.relative * largest


def _open_executorch(path: Path) -> Run:
    with contained_warnings():
        from executorch.runtime import Runtime as Host  # noqa: PLC0415  # slow to import

        with whole_constants(path) as ptd:
            program = Host.get().load_program(path, data_path=ptd)

    methods: dict[str, Any] = {}

    def run(entry: str, inputs: Tensors, _: TensorNames) -> Tensors:
        if entry not in methods:
            try:
                methods[entry] = program.load_method(entry)
            except RuntimeError as error:
                kernels = own_kernels(path)[entry]
                raise cannot_run("executorch", path.name, error, kernels) from error
        return tuple(output.clone() for output in methods[entry].execute(list(inputs)))

    return run


def _open_litert(path: Path) -> Run:
    with contained_warnings():
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  # optional

        try:
            interpreter: Any = Interpreter(str(path))
        except ValueError as error:
            raise cannot_run("litert", path.name, error, ()) from error

    def run(entry: str, inputs: Tensors, names: TensorNames) -> Tensors:
        call = interpreter.get_signature_runner(entry)
        outputs = call(**{names.input(i): tensor.numpy() for i, tensor in enumerate(inputs)})
        named = [outputs[names.output(index)] for index in range(len(outputs))]
        return tuple(torch.from_numpy(np.array(output)) for output in named)

    return run


_OPENERS: dict[Runtime, Callable[[Path], Run]] = {
    "executorch": _open_executorch,
    "litert": _open_litert,
}
