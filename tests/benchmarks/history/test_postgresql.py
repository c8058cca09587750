"""The same history in a PostgreSQL server of this machine, where one is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from taskzip.benchmarks.history.database import writing
from taskzip.benchmarks.history.store import open_history
from taskzip.benchmarks.history.trends import Wanted, trends
from taskzip.contracts.errors import BadInput

PROGRAMS = os.pathsep.join((*map(str, Path("/usr/lib/postgresql").glob("*/bin")), os.defpath))
"""Debian keeps them out of PATH."""
INITDB, PG_CTL = (shutil.which(name, path=PROGRAMS) for name in ("initdb", "pg_ctl"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        INITDB is None or PG_CTL is None,
        reason="no PostgreSQL server is installed (Debian: postgresql)",
    ),
]
SERVER_USER = "nobody"
"""The server refuses to run as root."""
WRITERS = 4


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that listens on a socket in a folder of its own."""
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        as_user = ["runuser", "-u", SERVER_USER, "--"] if os.geteuid() == 0 else []
        if as_user:
            shutil.chown(folder, SERVER_USER)

        def run(*words: str) -> None:
            subprocess.run([*as_user, *words], check=True, cwd=folder, stdout=subprocess.DEVNULL)

        data = str(folder / "data")
        run(INITDB, "-D", data, "-U", "deploy", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -k {folder} -c fsync=off"
        run(PG_CTL, "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://deploy@/postgres?host={folder}"
        finally:
            run(PG_CTL, "-D", data, "-w", "-m", "immediate", "stop")


def test_writers_at_the_same_time_agree_and_nothing_can_be_changed(url, make_entry) -> None:
    entries = [make_entry(day=day) for day in range(1, 9)]

    def add_all(_writer: int) -> int:
        with open_history(url) as opened:
            return sum(opened.add(entry)[1] for entry in entries)

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(add_all, range(WRITERS))) == len(entries)
    with open_history(url) as opened:
        name, is_new = opened.add(entries[0])
        assert not is_new
        assert opened.get(name)[1] == entries[0]
        assert {len(trend.points) for trend in trends(opened, Wanted())} == {len(entries)}
        assert opened.import_lines(list(opened.export_lines()), "itself") == (0, len(entries))
        with pytest.raises(BadInput, match="only added to"), writing(opened.engine) as connection:
            connection.execute(text("DELETE FROM figure"))


def test_a_server_that_is_not_there_is_told_without_the_password(url) -> None:
    place = "postgresql://deploy:secret@127.0.0.1:1/history"
    with pytest.raises(BadInput, match="refused") as caught, open_history(place):
        pass
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, DBAPIError)
