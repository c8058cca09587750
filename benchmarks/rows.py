"""One row of the report per cell."""

from collections.abc import Sequence

from taskzip.benchmarks import statistics
from taskzip.benchmarks.measures import Measures
from taskzip.benchmarks.specs import kind_of
from taskzip.benchmarks.switching import pairs_of, split_of
from taskzip.benchmarks.validity import latency_reasons, memory_reasons, resident_fraction
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.events import MemoryParts, Switch
from taskzip.contracts.names import DEPLOYMENTS, RUNTIMES
from taskzip.contracts.record import Cell
from taskzip.contracts.report import Latency, Row


def make_row(measures: Measures, bundle: Bundle) -> Row:
    """The figures of a cell; what was not taken is None or empty, and named in the reasons."""
    cell = measures.cell
    switches = list(measures.switches.values())
    model_bytes = _model_bytes(cell, bundle)
    reasons = (*latency_reasons(measures, bundle.sharing), *memory_reasons(measures))
    return Row(
        **cell.model_dump(),
        storage_bytes=model_bytes + measures.packed_cache_bytes,
        model_bytes=model_bytes,
        packed_cache_bytes=measures.packed_cache_bytes,
        **_memory(measures),
        memory_cache=measures.memory_cache,
        load_ns=_latency([load.load_ns for load in measures.loads], []),
        switch_ns=_latency(
            [switch.switch_ns for switch in switches],
            [switch.switch_ns for switch in measures.warmups],
        ),
        first_output_ns=_latency(
            [switch.first_output_ns for switch in switches],
            [switch.first_output_ns for switch in measures.warmups],
        ),
        inference_ns=_latency(_inferences(switches), _inferences(measures.warmups)),
        steps=tuple(measures.switches),
        split=split_of(switches),
        pairs=pairs_of(switches),
        resident_fraction=resident_fraction(measures),
        valid=not reasons,
        reasons=reasons,
    )


def rank(row: Row | Cell) -> tuple[int, int, bool, bool]:
    """The order in which rows are shown."""
    return (
        RUNTIMES.index(row.runtime),
        DEPLOYMENTS.index(row.deployment),
        row.cache == "cold",
        row.packed_cache,
    )


def _model_bytes(cell: Cell, bundle: Bundle) -> int:
    """Bytes of the model files that the deployment needs on the device."""
    kind = kind_of(cell.deployment)
    return sum(
        model.bytes
        for model in bundle.models
        if (model.runtime, model.kind) == (cell.runtime, kind)
    )


def _memory(measures: Measures) -> dict[str, int | MemoryParts | None]:
    """PSS and USS after the last switch, what they are made of, and the highest PSS."""
    runtime, start = measures.phase("runtime"), measures.phase("start")
    last = measures.phase("switched")
    peaks = [
        reading.peak_pss_bytes
        for reading in measures.memory
        if reading.phase not in ("runtime", "start")
    ]
    return {
        "runtime_pss_bytes": runtime.pss_bytes if runtime else None,
        "start_pss_bytes": start.pss_bytes if start else None,
        "pss_bytes": last.pss_bytes if last else None,
        "peak_pss_bytes": max(peaks, default=None),
        "uss_bytes": last.uss_bytes if last else None,
        "start_parts": start.parts if start else None,
        "parts": last.parts if last else None,
    }


def _inferences(switches: Sequence[Switch]) -> list[int]:
    return [inference for switch in switches for inference in switch.inference_ns]


def _latency(samples: list[int], warmups: list[int]) -> Latency:
    if not samples:
        return Latency(samples=(), warmups=tuple(warmups), median=None, ci95=None)
    estimate = statistics.median(samples)
    return Latency(
        samples=tuple(samples),
        warmups=tuple(warmups),
        median=estimate.value,
        ci95=(estimate.low, estimate.high),
    )
