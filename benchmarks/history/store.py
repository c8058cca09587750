"""Adding to the history, and reading it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from taskzip.benchmarks.history.database import (
    default_place,
    opened,
    reading,
    troubles_told,
    writing,
)
from taskzip.benchmarks.history.entries import (
    device_name,
    figures_of,
    line_of,
    measured_at,
    name_of,
)
from taskzip.benchmarks.history.tables import ENTRY, FIGURE
from taskzip.contracts.errors import BadInput
from taskzip.contracts.history import Entry, ListedEntry

_LISTED = [ENTRY.c[name] for name in ListedEntry.model_fields]
_SHORTEST_NAME = 4
_SHA256_LENGTH = 64


class History:
    """A database of entries; each is there once, however often and by whomever it is added."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, entry: Entry) -> tuple[str, bool]:
        """The entry's name, and whether it is new here."""
        line = line_of(entry)
        name = name_of(line)
        with writing(self.engine) as connection:
            is_new = _insert(connection, entry, name, line)
        return name, is_new

    def import_lines(self, lines: Iterable[str], source: str) -> tuple[int, int]:
        """Add what `export_lines` gave, all or nothing; how many are new, and how many not.

        BadInput names the line that is no entry.
        """
        new = known = 0
        with writing(self.engine) as connection:
            for number, text in enumerate(lines, start=1):
                if text.strip():
                    entry = Entry.parse(text, f"{source}:{number}")
                    line = line_of(entry)
                    is_new = _insert(connection, entry, name_of(line), line)
                    new, known = new + is_new, known + (not is_new)
        return new, known

    def export_lines(self, subject: str | None = None) -> Iterator[str]:
        """Every entry as a line of JSON, the oldest first; its SHA-256 is its name."""
        query = _only(select(ENTRY.c.line), subject).order_by(ENTRY.c.measured_at, ENTRY.c.sha256)
        with reading(self.engine) as connection:
            for (line,) in connection.execution_options(yield_per=16).execute(query):
                yield line

    def listed(self, subject: str | None = None) -> tuple[ListedEntry, ...]:
        """Every entry without its rows, the oldest first."""
        query = _only(select(*_LISTED), subject).order_by(ENTRY.c.measured_at, ENTRY.c.sha256)
        with reading(self.engine) as connection:
            return tuple(_listed(row) for row in connection.execute(query))

    def get(self, name: str) -> tuple[ListedEntry, Entry]:
        """The entry whose name begins so; BadInput if none or several do, or it is damaged."""
        row = self._found(name)
        if name_of(row.line) != row.sha256:
            raise BadInput(f"entry {row.sha256} is damaged: its line has another hash")
        return _listed(row), Entry.parse(row.line, f"entry {row.sha256}")

    def _found(self, name: str) -> Row[Any]:
        is_name = set(name) <= set("0123456789abcdef")
        if not (is_name and _SHORTEST_NAME <= len(name) <= _SHA256_LENGTH):
            raise BadInput(
                f"{name!r} is no entry's name: give at least {_SHORTEST_NAME} of its hexadecimal "
                "digits, as deploy history list shows them"
            )
        query = select(ENTRY).where(ENTRY.c.sha256.startswith(name)).limit(2)
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        if len(rows) != 1:
            what = "several entries begin" if rows else "no entry begins"
            raise BadInput(f"{what} with {name}; see deploy history list")
        return rows[0]


@contextmanager
def open_history(place: str | None) -> Iterator[History]:
    """The history at a path or URL, None: the user's own; BadInput when it cannot be opened."""
    with opened(place or default_place()) as engine, troubles_told(engine):
        yield History(engine)


def _insert(connection: Connection, entry: Entry, name: str, line: str) -> bool:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    row = {
        "sha256": name,
        "device": device_name(entry.conditions),
        "measured_at": measured_at(entry.conditions),
        "line": line,
        **entry.model_dump(include={"subject", "role", "reference", "night", "bundle_sha256"}),
    }
    adding = dialect.insert(ENTRY).values(row).on_conflict_do_nothing()
    if connection.scalar(adding.returning(ENTRY.c.sha256)) is None:
        return False
    figures = [
        {
            "entry": name,
            **figure.cell.model_dump(),
            "metric": figure.metric,
            "median": figure.median,
            "samples": figure.samples,
            "is_valid": figure.is_valid,
        }
        for figure in figures_of(entry.rows)
    ]
    connection.execute(insert(FIGURE), figures)
    return True


def _only(query: Any, subject: str | None) -> Any:
    return query if subject is None else query.where(ENTRY.c.subject == subject)


def _listed(row: Row[Any]) -> ListedEntry:
    return ListedEntry(**{name: getattr(row, name) for name in ListedEntry.model_fields})
