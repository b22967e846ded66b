"""Opening a ledger: SQLite or PostgreSQL, brought to the current schema, with errors a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from openbook.errors import OpenbookError
from openbook.files import NAMED, kind_of

#: How long a writer waits for another process's transaction, in seconds.
PATIENCE = 60
#: The PostgreSQL advisory lock under which a schema is brought up to date.
_MIGRATION_LOCK = 6_306_130_979


class LedgerError(OpenbookError):
    """The ledger cannot be opened, read or written."""


class UnknownPaper(LedgerError):
    """The ledger has no paper of this name."""


class AmbiguousPaper(LedgerError):
    """A name that several papers of the ledger have."""


def now() -> str:
    """This moment, UTC, ISO 8601 to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def parse_url(given: str) -> URL:
    """A database URL; a bare file name means SQLite. Raises LedgerError for any other database."""
    try:
        url = make_url(given) if "://" in given else URL.create("sqlite", database=given)
    except ArgumentError as error:
        raise LedgerError(f"ledger {given!r} is not a database URL; use sqlite:///FILE or postgresql://…") from error
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return url
    raise LedgerError(f"ledger {shown(url)}: {backend} is not supported; use sqlite:///FILE or postgresql://…")


def existing_ledger(ledger: str) -> str:
    """A ledger's URL, which must lead to one: looking must not make one. Raises LedgerError."""
    url = parse_url(ledger)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        kind = kind_of(path)
        if kind == "missing":
            raise LedgerError(
                f"there is no ledger {path}; make one with: openbook assess PAPER --ledger sqlite:///{path}"
            )
        if kind not in ("SQLite database", "binary file"):
            raise LedgerError(
                f"{path} is {NAMED[kind]}, not a ledger; a ledger is a database that openbook assess --ledger made"
            )
    return ledger


def shown(url: URL) -> str:
    """The URL without its password."""
    return url.render_as_string(hide_password=True)


def open_engine(given: str, *, durable: bool = False) -> Engine:
    """An engine on the ledger at this URL, its schema current. Raises LedgerError with what to do.

    ``durable``: what was committed outlives even a power cut (SQLite flushes its log at every commit; PostgreSQL does
    so anyway).
    """
    url = parse_url(given)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        parent = Path(str(url.database)).parent
        if not parent.is_dir():
            raise LedgerError(f"ledger {shown(url)}: the folder {parent} does not exist; make it first")
    try:
        options: dict[str, Any] = {"connect_args": {"timeout": PATIENCE}} if url.get_backend_name() == "sqlite" else {}
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite", **options)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise LedgerError(f"ledger {shown(url)}: its driver is missing; pip install 'openbook[postgres]'") from error
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, "FULL" if durable else "NORMAL")
    with translated(engine):
        _migrate(engine)
    return engine


def _prepare_sqlite(engine: Engine, synchronous: str) -> None:
    """Write-ahead log, and transactions that take the write lock when they begin.

    A deferred transaction that reads and then writes fails at once when another process wrote in between; an
    immediate one waits its turn.
    """

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # NORMAL, with WAL, is safe against kill -9 and against corruption
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("openbook_read", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    """Bring the schema to the newest version; two processes may try at once."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise LedgerError(
            f"ledger {shown(engine.url)} was written by a newer openbook (schema {current}); upgrade openbook to use it"
        )
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and waits for nobody."""
    with translated(engine), engine.connect().execution_options(openbook_read=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it or nothing."""
    with translated(engine), engine.begin() as connection:
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn a database's own errors into LedgerError, with what to do."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        lowered = cause.lower()
        if "full" in lowered:
            advice = "free some disk space and run the same command again; what was committed is safe"
        elif "not a database" in lowered or "malformed" in lowered:
            advice = "the file is not a ledger, or is damaged; name another file or restore a copy"
        elif "locked" in lowered:
            advice = f"another process has held it for {PATIENCE} s; wait for it or stop it"
        elif "unable to open" in lowered or "readonly" in lowered or "permission" in lowered:
            advice = "check that the file and its folder may be written"
        elif engine.dialect.name == "postgresql":
            advice = "check that the server runs and that the URL's host, user, password and database are right"
        else:
            advice = "see the message above"
        raise LedgerError(f"ledger {shown(engine.url)}: {cause}; {advice}") from error
