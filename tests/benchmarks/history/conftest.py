"""Entries of the recorded sessions, and histories in files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskzip.benchmarks.compare.session import from_report
from taskzip.benchmarks.history.entries import entry_of
from taskzip.benchmarks.history.store import History, open_history
from taskzip.contracts.history import Entry

SESSIONS = Path(__file__).parents[2] / "recordings" / "sessions"
MakeEntry = Callable[..., Entry]


def scaled(entry: Entry, factor: float) -> Entry:
    """The entry with all latencies so many times as long."""

    def longer(row):
        latencies = {
            metric: getattr(row, metric).model_copy(
                update={"samples": tuple(round(s * factor) for s in getattr(row, metric).samples)}
            )
            for metric in ("switch_ns", "first_output_ns", "inference_ns")
        }
        return row.model_copy(update=latencies)

    return entry.model_copy(update={"rows": tuple(longer(row) for row in entry.rows)})


@pytest.fixture
def make_entry() -> MakeEntry:
    """An entry of a recorded session, all latencies `factor` times as long, on a day."""

    def make(
        session: str = "first", day: int = 1, factor: float = 1.0, subject: str = "lenet", **about
    ) -> Entry:
        measured = from_report(SESSIONS / session / "report.json")
        entry = scaled(entry_of(measured, subject, **about), factor)
        started = {"started_at": f"2026-01-{day:02d}T01:00:00+00:00"}
        return entry.model_copy(update={"conditions": entry.conditions.model_copy(update=started)})

    return make


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "history.sqlite")


@pytest.fixture
def history(place: str) -> Iterator[History]:
    with open_history(place) as opened:
        yield opened
