"""What a cell is called in comparisons, and the way back from the name to its row."""

from taskzip.contracts.errors import BadInput
from taskzip.contracts.report import Comparison, Report, Row


def setting_name(row: Row, metric: str) -> str:
    """`separate-swap cold packed`; where only files count, without the cache state."""
    state = "" if metric == "storage_bytes" else f" {row.cache}"
    return f"{row.deployment}{state}{' packed' if row.packed_cache else ''}"


def sides(report: Report, comparison: Comparison) -> tuple[Row, Row]:
    """The rows of joint and baseline; BadInput if the report names a cell that it lacks."""
    return (
        _named(report, comparison, comparison.joint),
        _named(report, comparison, comparison.baseline),
    )


def _named(report: Report, comparison: Comparison, name: str) -> Row:
    for row in report.rows:
        if row.runtime == comparison.runtime and setting_name(row, comparison.metric) == name:
            return row
    raise BadInput(f"report: {comparison.metric} compares {name!r}, which has no row")
