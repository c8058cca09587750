"""Reports of made-up samples, as files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from taskzip.contracts.conditions import Conditions
from taskzip.contracts.report import Latency, Report, Row

SESSIONS = Path(__file__).parents[2] / "recordings" / "sessions"
EMULATED = Conditions(
    origin="virtual", clock="counted", serial="emulated", runtime_versions={"litert": "2.3.0"}
)
MakeReport = Callable[..., Path]


def latency(samples: Sequence[int]) -> Latency:
    """Samples without the figures that a comparison computes anew."""
    return Latency(samples=tuple(samples), median=None, ci95=None)


def row(switch_ns: Sequence[int], **other: Any) -> Row:
    """A row whose outputs and inferences take ten and nine times a switch."""
    fields: dict[str, Any] = {
        "runtime": "litert",
        "deployment": "separate-swap",
        "cache": "warm",
        "packed_cache": False,
        "storage_bytes": 4_000_000,
        "model_bytes": 4_000_000,
        "packed_cache_bytes": 0,
        "runtime_pss_bytes": 4_000_000,
        "start_pss_bytes": 5_000_000,
        "pss_bytes": 8_000_000,
        "peak_pss_bytes": 9_000_000,
        "uss_bytes": 8_000_000,
        "memory_cache": "warm",
        "load_ns": latency([1_000_000]),
        "switch_ns": latency(switch_ns),
        "first_output_ns": latency([10 * sample for sample in switch_ns]),
        "inference_ns": latency([9 * sample for sample in switch_ns]),
        "resident_fraction": 1.0,
        "steps": tuple((0, index, "ab"[index % 2]) for index in range(len(switch_ns))),
        "valid": True,
    }
    return Row(**(fields | other))


@pytest.fixture
def make_report(tmp_path: Path) -> MakeReport:
    """Writes a report of rows, or of one row of such switches, and returns its path."""

    def make(
        name: str,
        switch_ns: Sequence[int] = (),
        rows: Sequence[Row] = (),
        conditions: Mapping[str, Any] | None = None,
    ) -> Path:
        report = Report(
            conditions=EMULATED.model_copy(update=dict(conditions or {})),
            rows=tuple(rows) or (row(switch_ns),),
            comparisons=(),
            parity=(),
        )
        path = tmp_path / name / "report.json"
        report.write(path)
        return path

    return make
