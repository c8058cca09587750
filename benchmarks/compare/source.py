"""One side of a comparison: a report, a folder that was measured in, or a folder of several."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from taskzip.benchmarks.compare.levels import Taken
from taskzip.benchmarks.compare.session import (
    CellMeasured,
    Measured,
    TimedMetric,
    from_records,
    from_report,
    from_rows,
)
from taskzip.benchmarks.evidence import unpacked
from taskzip.benchmarks.journal import RECORDS_FILE
from taskzip.benchmarks.rows import rank
from taskzip.contracts.errors import BadInput
from taskzip.contracts.record import Cell
from taskzip.contracts.report import REPORT_FILE

_ENTRY = "history:"


@dataclass(frozen=True)
class Source:
    """Sessions of the same thing, under one name."""

    name: str
    path: Path
    sessions: tuple[Measured, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that every session measured, in the report's order."""
        common = set.intersection(*(set(session.cells) for session in self.sessions))
        return tuple(sorted(common, key=rank))

    def measured(self, cell: Cell) -> tuple[CellMeasured, ...]:
        """The cell in each session."""
        return tuple(session.cells[cell] for session in self.sessions)

    def taken(self, cell: Cell, metric: TimedMetric) -> Taken | None:
        """All samples of a figure; None where some session has none, BadInput if they differ."""
        cells = self.measured(cell)
        values = [each.values[metric] for each in cells]
        if any(each.size == 0 for each in values):
            return None
        if len({each.shape[1] for each in values}) > 1:
            raise BadInput(
                f"{self.path}: its sessions took different numbers of inferences after a switch; "
                "compare sessions of the same [bench]"
            )
        return Taken(
            np.concatenate(values),
            tuple(number for number, each in enumerate(values) for _ in each),
            tuple(block for each in cells for block in _blocks(each, metric)),
            None if metric == "load_ns" else _steps(cells),
        )


def read_source(name: str, path: Path, history: str | None = None) -> Source:
    """What lies at `path`; BadInput when it is missing, damaged or nothing that was measured."""
    if str(path).startswith(_ENTRY):
        return Source(name, path, (_entry(str(path).removeprefix(_ENTRY), history),))
    if not path.exists():
        raise BadInput(
            f"{path}: there is no such file or folder; name a report.json, a records.jsonl or a "
            "folder that deploy bench wrote"
        )
    return Source(name, path, tuple(_sessions(path)))


def _sessions(path: Path) -> Iterator[Measured]:
    if path.is_file() and path.suffix == ".zip":
        with unpacked(path) as (folder, _, _):
            yield replace(from_records(folder), source=str(path))
    elif path.is_file():
        yield from_records(path.parent) if path.name == RECORDS_FILE else from_report(path)
    elif _is_measured(path):
        yield _of_folder(path)
    else:
        folders = [each for each in sorted(path.iterdir()) if each.is_dir() and _is_measured(each)]
        if not folders:
            raise BadInput(
                f"{path}: neither it nor a folder in it holds {RECORDS_FILE} or {REPORT_FILE}"
            )
        yield from map(_of_folder, folders)


def _entry(name: str, history: str | None) -> Measured:
    from taskzip.benchmarks.history.store import open_history  # noqa: PLC0415 - an extra of its own

    with open_history(history) as opened:
        listed, entry = opened.get(name)
    return from_rows(f"{_ENTRY}{listed.sha256}", entry.conditions, entry.rows)


def _is_measured(folder: Path) -> bool:
    return (folder / RECORDS_FILE).exists() or (folder / REPORT_FILE).exists()


def _of_folder(folder: Path) -> Measured:
    if (folder / RECORDS_FILE).exists():
        return from_records(folder)
    return from_report(folder / REPORT_FILE)


def _blocks(cell: CellMeasured, metric: TimedMetric) -> list[int]:
    if cell.steps is None or metric == "load_ns":
        return [0] * len(cell.values[metric])
    return [block for block, _, _ in cell.steps]


def _steps(cells: Sequence[CellMeasured]) -> tuple[tuple[int, int, str], ...] | None:
    if any(cell.steps is None for cell in cells):
        return None
    return tuple(step for cell in cells for step in cell.steps or ())
