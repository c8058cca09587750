"""What one session measured, cell by cell, from its report or from its raw records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from taskzip.benchmarks.journal import RECORDS_FILE, read_records, read_session, with_versions
from taskzip.benchmarks.measures import Measures, Step, measures_by_cell
from taskzip.benchmarks.rows import make_row
from taskzip.benchmarks.samples import LatencyMetric, samples_ns
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.errors import BadInput
from taskzip.contracts.ledger import LEDGER_FILE, Ledger
from taskzip.contracts.record import Cell
from taskzip.contracts.report import REPORT_FILE, Report, Row

LATENCIES: tuple[LatencyMetric, ...] = get_args(LatencyMetric)
TimedMetric = LatencyMetric | Literal["load_ns"]
TIMED: tuple[TimedMetric, ...] = ("load_ns", *LATENCIES)
Pair = tuple[str, str]
"""The task that is left, and the one that is entered."""


@dataclass(frozen=True)
class CellMeasured:
    """A cell: its row and samples; the step of each, where the source tells."""

    row: Row
    values: Mapping[TimedMetric, NDArray[np.float64]]
    """`(switches, samples of each)`; of `load_ns` `(processes, 1)`."""
    steps: tuple[Step, ...] | None

    @property
    def pairs(self) -> dict[Pair, list[float]]:
        """`switch_ns` by the tasks left and entered; a block's first measured switch has none."""
        switches = self.values["switch_ns"]
        found: dict[Pair, list[float]] = defaultdict(list)
        task_at = {(block, index): task for block, index, task in self.steps or ()}
        for (block, index, task), samples in zip(self.steps or (), switches, strict=False):
            if (block, index - 1) in task_at:
                found[task_at[block, index - 1], task].extend(samples)
        return found


@dataclass(frozen=True)
class Measured:
    """A session."""

    source: str
    conditions: Conditions
    cells: Mapping[Cell, CellMeasured]
    ledger: Ledger | None = None
    """What the model files hold, where the source tells."""


def from_report(path: Path) -> Measured:
    """The session of a report alone; BadInput if it is missing or damaged."""
    report = Report.read(path)
    return replace(from_rows(str(path), report.conditions, report.rows), ledger=report.ledger)


def from_rows(source: str, conditions: Conditions, rows: Sequence[Row]) -> Measured:
    """The session whose rows these are; BadInput if their samples do not fit their steps."""
    for number, row in enumerate(rows):
        if row.steps and len(row.steps) != len(row.switch_ns.samples):
            raise BadInput(
                f"{source}: rows.{number}.steps: {len(row.steps)} steps, "
                f"{len(row.switch_ns.samples)} switches"
            )
    cells = {_cell(row): CellMeasured(row, _values(row), row.steps or None) for row in rows}
    return Measured(source, conditions, cells)


def from_records(folder: Path) -> Measured:
    """The session of a folder's raw records; sizes are those of the report beside them.

    BadInput when something is missing or damaged, or when the report is of other records.
    """
    records = read_records(folder)
    measures = measures_by_cell(records)
    if not measures:
        raise BadInput(f"{folder / RECORDS_FILE}: no run has ended well there")
    rows = _rows(folder, measures)
    return Measured(
        str(folder),
        with_versions(read_session(folder).conditions, records),
        {
            cell: CellMeasured(
                rows[cell],
                {
                    "load_ns": _loads(rows[cell]),
                    **{metric: samples_ns(each, metric) for metric in LATENCIES},
                },
                tuple(each.switches),
            )
            for cell, each in measures.items()
        },
        Ledger.read(folder / LEDGER_FILE) if (folder / LEDGER_FILE).exists() else None,
    )


def _rows(folder: Path, measures: Mapping[Cell, Measures]) -> dict[Cell, Row]:
    path = folder / REPORT_FILE
    if path.exists():
        rows = {_cell(row): row for row in Report.read(path).rows}
        if {cell: tuple(_switch_ns(each)) for cell, each in measures.items()} != {
            cell: row.switch_ns.samples for cell, row in rows.items()
        }:
            raise BadInput(
                f"{path} is not of the records beside it; make it again with: "
                f"deploy report {folder}"
            )
        return rows
    bundle = folder / "bundle" / "bundle.json"
    if not bundle.exists():
        raise BadInput(
            f"{folder}: beside {RECORDS_FILE} there is neither {REPORT_FILE} nor the bundle, "
            "so sizes and validity are not known; copy one of them there"
        )
    read = Bundle.read(bundle)
    return {cell: make_row(each, read) for cell, each in measures.items()}


def _switch_ns(measures: Measures) -> list[int]:
    return [switch.switch_ns for switch in measures.switches.values()]


def _cell(row: Row) -> Cell:
    return Cell(**{name: getattr(row, name) for name in Cell.model_fields})


def _loads(row: Row) -> NDArray[np.float64]:
    return np.asarray(row.load_ns.samples, dtype=np.float64)[:, None]


def _values(row: Row) -> dict[TimedMetric, NDArray[np.float64]]:
    """Samples by switch; inferences are evenly divided among the switches they follow."""
    switches = len(row.switch_ns.samples)
    values: dict[TimedMetric, NDArray[np.float64]] = {"load_ns": _loads(row)}
    for metric in LATENCIES:
        samples = np.asarray(getattr(row, metric).samples, dtype=np.float64)
        if len(samples) % max(switches, 1):
            raise BadInput(
                f"{row.runtime} {row.deployment} {row.cache}: {len(samples)} samples of {metric} "
                f"do not belong to {switches} switches"
            )
        values[metric] = samples.reshape(switches, -1) if switches else samples[:0]
    return values
