"""When a finished report is a failure."""

from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.report import Report


def check_parity(report: Report) -> None:
    """CheckFailed when an output on the device is not what torch computed on the host."""
    wrong = [result for result in report.parity if not result.ok]
    if wrong:
        first = wrong[0]
        raise CheckFailed(
            f"parity: {len(wrong)} of {len(report.parity)} outputs on the device "
            f"differ from torch; {first.file}, task {first.task}: {first.max_abs_error}, "
            f"allowed {first.allowed}"
        )


def check_bars(report: Report) -> None:
    """CheckFailed when a row is not valid or a bar does not hold."""
    invalid = [row for row in report.rows if not row.valid]
    if invalid:
        row = invalid[0]
        raise CheckFailed(
            f"{len(invalid)} of {len(report.rows)} rows are not valid; {row.runtime} "
            f"{row.deployment} {row.cache}: {'; '.join(row.reasons)}"
        )
    missed = [one for one in report.comparisons if one.holds is False]
    if missed:
        one = missed[0]
        raise CheckFailed(
            f"{len(missed)} bars do not hold; {one.runtime}: "
            f"{one.expression} is {one.ratio:.3g}, the bar is {one.bar}"
        )
