"""Where the joint network begins to win, from all that was measured in some folders."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from taskzip.benchmarks.break_even.limits import UnderLimit, limits_of
from taskzip.benchmarks.break_even.memory import Memory, memory_of
from taskzip.benchmarks.break_even.rates import Rate, rates_of
from taskzip.benchmarks.break_even.tables import render_limits, render_memory, render_rates
from taskzip.benchmarks.pressure.result import PRESSURE_FILE, Pressed
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.report import REPORT_FILE, Report


class BreakEven(Document):
    """What the folders answer."""

    rates: tuple[Rate, ...]
    memory: tuple[Memory, ...]
    limits: tuple[UnderLimit, ...]


def break_even(folders: Sequence[Path]) -> BreakEven:
    """From all that was measured in them; BadInput for a folder without a measurement."""
    for folder in folders:
        if not any((folder / name).exists() for name in (REPORT_FILE, PRESSURE_FILE)):
            raise BadInput(
                f"{folder}: has neither {REPORT_FILE} (of `deploy bench`) nor {PRESSURE_FILE} "
                "(of `python -m taskzip.benchmarks.pressure`)"
            )
    reports = [Report.read(file) for file in _files(folders, REPORT_FILE)]
    pressed = [Pressed.read(file) for file in _files(folders, PRESSURE_FILE)]
    return BreakEven(
        rates=tuple(rate for report in reports for rate in rates_of(report)),
        memory=memory_of(reports),
        limits=tuple(limit for each in pressed for limit in limits_of(each)),
    )


def _files(folders: Sequence[Path], name: str) -> list[Path]:
    return [folder / name for folder in folders if (folder / name).exists()]


def show(found: BreakEven, json_file: Path | None) -> None:
    """Print the answers, and write them to the file if there is one."""
    tables = (render_rates(found.rates), render_memory(found.memory), render_limits(found.limits))
    Console().print(*(table for table in tables if table.rows))
    if json_file is not None:
        found.write(json_file)
