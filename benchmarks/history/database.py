"""Where the history is: a SQLite file, or a PostgreSQL database by its URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from alembic.util import CommandError
from platformdirs import user_data_path
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from taskzip.contracts.errors import BadInput

_WRITES = "taskzip_writes"
_BUSY_SECONDS = 60.0
"""How long a writer waits for the others."""
_MIGRATION_LOCK = 0x7A697073
"""Of PostgreSQL's advisory locks, the one that migrations hold."""
_DRIVER = "postgresql+psycopg"


def default_place() -> str:
    """The user's own history."""
    return str(user_data_path("taskzip") / "history.sqlite")


@contextmanager
def opened(place: str) -> Iterator[Engine]:
    """The database at a path or URL, made and migrated where needed; BadInput if it cannot be."""
    url = _url(place)
    engine = create_engine(url, poolclass=NullPool, connect_args=_connect_args(url))
    if url.get_backend_name() == "sqlite":
        _take_over_transactions(engine)
    try:
        with troubles_told(engine):
            _migrate(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def troubles_told(engine: Engine) -> Iterator[None]:
    """What the database refuses becomes BadInput, without the URL's password."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise BadInput(f"history {_shown(engine.url)}: {cause}") from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: it waits for others first, so that it never has to give up."""
    with troubles_told(engine), engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the history."""
    with troubles_told(engine), engine.begin() as connection:
        yield connection


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        config.attributes["connection"] = connection
        try:
            upgrade(config, "head")
        except CommandError as error:
            raise BadInput(
                f"history {_shown(engine.url)}: a newer taskzip wrote it ({error}); use that one"
            ) from error


def _url(place: str) -> URL:
    if "://" not in place:
        path = Path(place).absolute()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"history {path}: cannot be written ({error.strerror})") from error
        return URL.create("sqlite", database=str(path))
    try:
        url = make_url(place)
    except (ArgumentError, ValueError) as error:
        raise BadInput("--history: not a database URL; give postgresql://HOST/NAME") from error
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise BadInput(
            f"--history {url.get_backend_name()}://…: give a file, or postgresql://HOST/NAME"
        )
    return url.set(drivername=_DRIVER) if url.drivername == "postgresql" else url


def _connect_args(url: URL) -> dict[str, float]:
    return {"timeout": _BUSY_SECONDS} if url.get_backend_name() == "sqlite" else {}


def _take_over_transactions(engine: Engine) -> None:
    """Python's driver begins transactions late and leaves DDL out; a writer must begin as one."""

    @event.listens_for(engine, "connect")
    def _(connection, _record):
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _shown(url: URL) -> str:
    return url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string()
