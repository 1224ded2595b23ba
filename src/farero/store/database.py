"""The state database: opens it, brings its tables up to date, and gives out transactions with the same promises on SQLite and PostgreSQL.

One writer at a time, everywhere: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock held to the end of the
transaction. So what a `write()` has read stays true until it commits, and no caller needs to think of isolation levels.
State is small and rarely written (predictions go to the log), so there is nothing to gain from more.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import sqlalchemy
from sqlalchemy import Connection as Connection
from sqlalchemy import Engine, event, exc, pool

from farero.errors import BadInput, ConfigInvalid, Conflict, Corrupt, StoreUnavailable
from farero.store import upgrade
from farero.store.tables import metadata

if TYPE_CHECKING:
    from farero.ports import Clock

BUSY_S = 10
"""How long a writer waits for another one [s]. No write of ours takes longer than a fraction of it."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('farero.write'), hashtext(current_schema()))"


class Store:
    """The state of one installation. Safe to use from several threads and processes."""

    def __init__(self, engine: Engine, *, shared: threading.RLock | None = None) -> None:
        """For `open` and `memory`. `shared` guards a database that has one connection for all threads."""
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._shared = shared
        # Threads of one process queue here rather than in SQLite, which would let them poll.
        self._queue = shared or threading.RLock()
        self._busy = threading.local()
        if self._sqlite:
            self._reader = engine.execution_options(farero_begin="BEGIN")
            self._writer = engine.execution_options(farero_begin="BEGIN IMMEDIATE")
        else:
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")

    @classmethod
    def open(cls, url: str, *, clock: Clock | None = None) -> Store:
        """The store at a URL, `sqlite:///path` or `postgresql+psycopg://…`; created or brought up to date if need be.

        Any number of processes may do this at once on an empty folder or database.

        Raises:
            ConfigInvalid: the URL names no database that Farero can use.
            StoreUnavailable: the database does not answer, or a newer Farero has been at work on it.
        """
        engine = _engine(url)
        store = cls(engine)
        with _translated(engine, "open"):
            upgrade.to_head(engine, clock)
        return store

    @classmethod
    def memory(cls, *, clock: Clock | None = None) -> Store:  # noqa: ARG003 (the same way to make every store)
        """A store that lives and ends with this process: for a replay."""
        engine = sqlalchemy.create_engine("sqlite://", poolclass=pool.StaticPool, connect_args={"check_same_thread": False})
        _prepare_sqlite(engine)
        with engine.begin() as conn:
            metadata.create_all(conn)
        return cls(engine, shared=threading.RLock())

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def schema(self) -> str:
        """The schema of a PostgreSQL database that holds the tables; "main" on SQLite."""
        if self._sqlite:
            return "main"
        with self.read() as conn:
            return str(conn.exec_driver_sql("SELECT current_schema()").scalar_one())

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: commits at the end, keeps nothing if the block raises.

        Raises:
            StoreUnavailable: the database does not answer, is full, or another writer held it too long.
            Conflict: a rule of the database was broken; somebody else was faster.
        """
        with self._one_at_a_time(), self._queue, _translated(self._engine, "write"), self._writer.begin() as conn:
            if not self._sqlite:
                conn.exec_driver_sql(_LOCK)
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the state and cannot change it."""
        if self._shared is not None:
            with self._one_at_a_time(), self._shared, _translated(self._engine, "read"), self._reader.begin() as conn:
                yield conn
            return
        with self._one_at_a_time(), _translated(self._engine, "read"), self._reader.begin() as conn:
            yield conn

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """A second transaction inside a first would wait for itself on one database and see old values on another: a bug, said at once."""
        if getattr(self._busy, "inside", False):
            raise RuntimeError("a store transaction is open in this thread already: pass its connection on instead of opening another")
        self._busy.inside = True
        try:
            yield
        finally:
            self._busy.inside = False


def _engine(url: str) -> Engine:
    try:
        parsed = sqlalchemy.make_url(url)
    except exc.ArgumentError as wrong:
        raise ConfigInvalid(f"{url!r} is no database URL.", hint=_URLS) from wrong
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigInvalid("The state database needs a file: it must outlive the process.", hint=_URLS)
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as refused:
            raise StoreUnavailable(f"The folder of {parsed.database} cannot be made: {refused}.", retryable=False) from refused
        engine = sqlalchemy.create_engine(parsed, connect_args={"timeout": BUSY_S}, pool_size=8, max_overflow=56)
        _prepare_sqlite(engine)
        return engine
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        wait = {"connect_timeout": 10} if "connect_timeout" not in parsed.query else {}
        try:
            engine = sqlalchemy.create_engine(
                parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=8, max_overflow=24, connect_args=wait
            )
        except ImportError as missing:
            raise ConfigInvalid("PostgreSQL needs a driver.", hint="Install it with: pip install 'farero[postgres]'.") from missing
        _prepare_postgres(engine)
        return engine
    raise ConfigInvalid(f"Farero keeps its state in SQLite or PostgreSQL, not in {parsed.get_backend_name()!r}.", hint=_URLS)


_URLS = 'Write url = "sqlite:///.farero/state.db" or url = "postgresql+psycopg://user@host/database".'


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        # The driver would begin transactions by itself, late and deferred: a read that turns into a write then fails at once if
        # another process wrote in between, whatever the timeout. We begin them ourselves, below.
        connection.isolation_level = None
        # FULL, because a promotion or a label that was acknowledged must survive a power cut too.
        for pragma in (f"busy_timeout = {BUSY_S * 1000}", "foreign_keys = ON", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        # A batch of labels touches a page each; with the defaults of 2 MB and 4 MB every batch would copy the whole log back.
        connection.execute("PRAGMA cache_size = -32000")
        connection.execute("PRAGMA wal_autocheckpoint = 8000")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        begin = conn.get_execution_options().get("farero_begin", "BEGIN IMMEDIATE")
        raw = cast(sqlite3.Connection, conn.connection.dbapi_connection)
        try:
            # A pragma outside a transaction costs microseconds and makes a write inside read() fail here as it does on PostgreSQL.
            raw.execute(f"PRAGMA query_only = {'ON' if begin == 'BEGIN' else 'OFF'}")
            raw.execute(begin)
        except sqlite3.Error as refused:  # raised by our own call, so SQLAlchemy does not wrap it
            raise exc.OperationalError(begin, None, refused) from refused


def _prepare_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: sqlalchemy.engine.interfaces.DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = '{BUSY_S}s'")
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.close()
        connection.commit()


@contextmanager
def _translated(engine: Engine, doing: str) -> Iterator[None]:
    where = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except exc.IntegrityError as clash:
        raise Conflict(
            f"The state database refused a change: {clash.orig}.", hint="Somebody else was faster: read again, then decide."
        ) from clash
    except (exc.DataError, OverflowError) as unfit:  # psycopg's word and sqlite3's for a value that no column can hold
        if isinstance(unfit, OverflowError) and "SQLite" not in str(unfit):
            raise
        cause = str(getattr(unfit, "orig", unfit)).strip().splitlines()[0]
        raise BadInput(f"A value cannot be stored: {cause}.", hint="Leave out NUL characters, and numbers beyond 2147483647.") from unfit
    except exc.TimeoutError as full:
        raise StoreUnavailable(f"No connection to {where} became free.", hint="Try again.") from full
    except exc.DBAPIError as failure:
        cause = str(failure.orig).strip().splitlines()[0] if str(failure.orig).strip() else type(failure.orig).__name__
        if any(sign in cause for sign in ("malformed", "not a database")):
            raise Corrupt(f"{where} is damaged: {cause}.", hint="Stop Farero and restore the state database from a backup.") from failure
        raise StoreUnavailable(f"The state database {where} failed to {doing}: {cause}.", hint=_hint(cause)) from failure


def _hint(cause: str) -> str:
    lowered = cause.lower()
    if "locked" in lowered or "lock timeout" in lowered:
        return "Another process is writing; try again."
    if "full" in lowered:
        return "Make room on the disk, then try again."
    if "readonly" in lowered or "unable to open" in lowered or "permission" in lowered:
        return "Check that the file and its folder exist and that this user may write them."
    return "Check that the database is running and that its URL in farero.toml is right."
