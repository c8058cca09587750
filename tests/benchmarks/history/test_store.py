import json
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from jsonschema import Draft202012Validator

from taskzip.benchmarks.history.database import reading
from taskzip.benchmarks.history.entries import line_of, name_of
from taskzip.benchmarks.history.store import open_history
from taskzip.benchmarks.history.tables import METADATA
from taskzip.contracts import schema
from taskzip.contracts.errors import BadInput
from taskzip.contracts.history import Entry

WRITERS, OF_EACH = 3, 6


def add_lines(place: str, lines: list[str]) -> int:
    """Add entries to the history at `place`; how many were new."""
    with open_history(place) as opened:
        return sum(opened.add(Entry.parse(line, "test"))[1] for line in lines)


def test_the_same_measurement_added_twice_is_one_entry(history, make_entry) -> None:
    name, is_new = history.add(make_entry())
    assert is_new
    assert history.add(make_entry()) == (name, False)
    assert [each.sha256 for each in history.listed()] == [name]


def test_an_entry_comes_back_with_every_sample(history, make_entry) -> None:
    entry = make_entry()
    name, _ = history.add(entry)
    Draft202012Validator(schema.shipped("history-entry")).validate(json.loads(line_of(entry)))
    assert history.get(name[:8])[1] == entry


def test_writers_at_the_same_time_lose_nothing_and_repeat_nothing(place, make_entry) -> None:
    """They also make the database at the same time; half of what each adds all others add too."""
    common = [line_of(make_entry(day=day)) for day in range(1, OF_EACH + 1)]
    own = [
        [line_of(make_entry("second", day, subject=f"writer{n}")) for day in range(1, OF_EACH + 1)]
        for n in range(WRITERS)
    ]
    with ProcessPoolExecutor(WRITERS, mp_context=get_context("spawn")) as pool:
        new = list(pool.map(add_lines, [place] * WRITERS, [common + each for each in own]))
    expected = {name_of(line) for line in chain(common, *own)}
    with open_history(place) as opened:
        assert {each.sha256 for each in opened.listed()} == expected
    assert sum(new) == len(expected)


def test_entries_cannot_be_changed_or_removed(history, place, make_entry) -> None:
    history.add(make_entry())
    connection = sqlite3.connect(place)
    for change in ("UPDATE entry SET night = 'x'", "DELETE FROM entry", "DELETE FROM figure"):
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            connection.execute(change)
    connection.close()


def test_export_and_import_round_trip(history, make_entry, tmp_path: Path) -> None:
    for day in (3, 1, 2):
        history.add(make_entry(day=day, night="Nacht Ä"))
    lines = list(history.export_lines())
    assert [name_of(line) for line in lines] == [each.sha256 for each in history.listed()]
    with open_history(str(tmp_path / "other.sqlite")) as other:
        assert other.import_lines(lines, "export") == (3, 0)
        assert other.import_lines(lines, "export") == (0, 3)
        assert list(other.export_lines()) == lines
        assert other.listed() == history.listed()


def test_spaces_and_order_of_keys_do_not_make_another_entry(history, make_entry) -> None:
    history.add(make_entry())
    (line,) = history.export_lines()
    keys = json.loads(line)
    respelled = json.dumps(dict(reversed(keys.items())), indent=None)
    assert history.import_lines([respelled, ""], "by hand") == (0, 1)


def test_a_line_that_is_no_entry_is_named_and_nothing_is_imported(history, make_entry) -> None:
    with pytest.raises(BadInput, match=r"x\.jsonl:2: "):
        history.import_lines([line_of(make_entry()), '{"format": 1}'], "x.jsonl")
    assert history.listed() == ()


@pytest.mark.parametrize(
    ("name", "message"),
    [("abc", "at least 4"), ("history", "no entry's name"), ("0" * 64, "no entry begins")],
)
def test_an_unknown_name_is_bad_input(history, name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        history.get(name)


def test_the_migrations_make_the_tables_that_the_code_uses(history) -> None:
    with reading(history.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_file_that_is_no_history_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be read as one" * 40)
    with (
        pytest.raises(BadInput, match=r"notes\.txt: file is not a database"),
        open_history(str(tmp_path / "notes.txt")),
    ):
        pass


def test_a_history_of_a_newer_version_is_bad_input(history, place) -> None:
    connection = sqlite3.connect(place)
    connection.execute("UPDATE alembic_version SET version_num = '999'")
    connection.commit()
    connection.close()
    with pytest.raises(BadInput, match="a newer taskzip wrote it"), open_history(place):
        pass


@pytest.mark.parametrize("place", ["mysql://host/name", "://", "postgresql://user:secret@[::1/x"])
def test_a_url_that_cannot_be_used_is_bad_input(place: str) -> None:
    with pytest.raises(BadInput, match="postgresql://HOST/NAME") as caught, open_history(place):
        pass
    assert "secret" not in str(caught.value)
