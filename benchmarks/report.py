"""From records to the report."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from taskzip.benchmarks.comparisons import find_all
from taskzip.benchmarks.journal import finished, read_records, read_session, with_versions
from taskzip.benchmarks.measures import measures_by_cell
from taskzip.benchmarks.page import render_html
from taskzip.benchmarks.parity import check_parity
from taskzip.benchmarks.rows import rank
from taskzip.benchmarks.settings import Setting, Settings
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES
from taskzip.contracts.record import Record
from taskzip.contracts.report import REPORT_FILE, Pushed, Report
from taskzip.contracts.zipresult import ZipResult

PAGE_FILE = "report.html"


def build_report(
    bundle: Bundle,
    bundle_folder: Path,
    folder: Path,
    pushed: Pushed | None = None,
    zipped: ZipResult | None = None,
) -> Report:
    """The report of the records in `folder`; BadInput when no run has ended well there."""
    conditions = read_session(folder).conditions
    records = finished(read_records(folder))
    if not records:
        raise BadInput(f"{folder}: no run has ended well yet, there is nothing to report")
    settings = _settings(records, bundle)
    return Report(
        conditions=with_versions(conditions, records),
        rows=tuple(setting.row for setting in settings),
        comparisons=tuple(
            finding.as_comparison(runtime, conditions.clock)
            for runtime in RUNTIMES
            for finding in find_all(_of_runtime(settings, runtime))
        ),
        parity=check_parity(bundle, bundle_folder, records, folder),
        forms={m.runtime: m.forms for m in bundle.models if m.kind == "joint" and m.forms},
        pushed=pushed,
        zip=zipped,
    )


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write `report.json` and `report.html`; returns their paths."""
    report.write(folder / REPORT_FILE)
    write_atomically(folder / PAGE_FILE, render_html(report).encode())
    return folder / REPORT_FILE, folder / PAGE_FILE


def _settings(records: Iterable[Record], bundle: Bundle) -> list[Setting]:
    settings = [Setting.of(measures, bundle) for measures in measures_by_cell(records).values()]
    return sorted(settings, key=lambda setting: rank(setting.row))


def _of_runtime(settings: Sequence[Setting], runtime: str) -> Settings:
    return Settings(tuple(setting for setting in settings if setting.row.runtime == runtime))
