import pytest

from taskzip.benchmarks.checks import check_bars, check_parity
from taskzip.benchmarks.report import build_report
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.errors import CheckFailed
from taskzip.contracts.report import Report


@pytest.fixture
def report(bundle: Bundle, measured_folder) -> Report:
    return build_report(bundle, measured_folder / "bundle", measured_folder)


def test_a_report_whose_outputs_are_right_passes(report: Report) -> None:
    check_parity(report)


def test_one_wrong_output_fails_and_is_named(report: Report) -> None:
    first, *rest = report.parity
    wrong = first.model_copy(update={"ok": False, "max_abs_error": 0.5})
    with pytest.raises(CheckFailed, match=rf"1 of \d+ outputs .*{first.file}, task {first.task}"):
        check_parity(report.model_copy(update={"parity": (wrong, *rest)}))


def test_a_missed_bar_fails_and_is_named(report: Report) -> None:
    held = [one.model_copy(update={"holds": True}) for one in report.comparisons if one.bar]
    rows = tuple(row.model_copy(update={"valid": True}) for row in report.rows)
    fine = report.model_copy(update={"comparisons": tuple(held), "rows": rows})
    check_bars(fine)
    missed = (held[0].model_copy(update={"holds": False}), *held[1:])
    with pytest.raises(CheckFailed, match=f"1 bars do not hold; .*{held[0].expression}"):
        check_bars(fine.model_copy(update={"comparisons": missed}))


def test_an_invalid_row_fails_with_its_reason(report: Report) -> None:
    rows = tuple(
        row.model_copy(update={"valid": False, "reasons": ("cold was not reached",)})
        for row in report.rows
    )
    with pytest.raises(CheckFailed, match="cold was not reached"):
        check_bars(report.model_copy(update={"rows": rows}))
