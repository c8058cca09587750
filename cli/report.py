"""`deploy report`: show again what was measured."""

from taskzip.cli import options
from taskzip.cli.outcome import show_measured


def show_report(
    folder: options.ResultFolder,
    check: options.Check = False,
    as_json: options.AsJson = False,
) -> None:
    """Make the report of FOLDER again from its raw records and show it."""
    from taskzip.benchmarks.measure import report_on

    show_measured(report_on(folder), folder, as_json, check)
