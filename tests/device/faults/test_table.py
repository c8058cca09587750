"""docs/faults.md has the rows of the tests and no others; its writing and reading."""

from pathlib import Path

from taskzip.device.errors import ConnectionLost
from tests.device.faults.table import HEADER, PAGE, Row, read_rows, with_rows
from tests.device.faults.test_connection import NAMES
from tests.device.faults.test_runner import LIES, SAYS

BROKE = Row.of("The cable", ConnectionLost("127.0.0.1:5555: broke after 3 s | gone"))


def test_the_page_has_no_fault_that_nothing_tests() -> None:
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    rows = read_rows(PAGE.read_text(encoding="utf-8"))
    assert [name for name in rows if name not in NAMES and f'"{name}"' not in sources] == []
    assert {*NAMES, *SAYS, *LIES} <= rows.keys()


def test_rows_are_read_as_they_were_written() -> None:
    assert Row("The cable", "`ConnectionLost`: DEVICE: broke after N s / gone", 3) == BROKE
    fine, killed = Row.of("A cable", None), Row("Killed", "is gone", 137)
    page = with_rows(f"# Faults\n\n{HEADER}", {row.fault: row for row in (BROKE, killed, fine)})
    assert read_rows(page) == {row.fault: row for row in (fine, killed, BROKE)}
    assert with_rows(page, {}) == page
    assert page == f"# Faults\n\n{HEADER}{fine.line}\n{killed.line}\n{BROKE.line}\n"
