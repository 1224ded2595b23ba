"""Brings a state database to the tables that this Farero needs: once, by one process, in one transaction."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, exc, text

from farero.errors import StoreUnavailable

if TYPE_CHECKING:
    from farero.ports import Clock

HEAD = "0003"
"""The newest revision in `migrations/versions`, kept here so that an up-to-date database is opened without importing Alembic."""

REVISION_TABLE = "farero_revision"
"""Not Alembic's own default name: the database may be shared with a program that uses that."""

WAIT_S = 60.0


def to_head(engine: Engine, clock: Clock | None = None) -> None:
    """Migrate if need be.

    Raises:
        StoreUnavailable: the database belongs to a newer Farero, or another process has been migrating it for a minute.
    """
    with engine.connect() as conn:
        current = _revision(conn)
    if current == HEAD:
        return
    if engine.dialect.name == "sqlite":
        with _file_lock(Path(str(engine.url.database) + ".lock")):
            _switch_to_wal(engine)
            _migrate(engine, clock)
    else:
        _migrate(engine, clock)


def _revision(conn: Connection) -> str | None:
    """The revision stored, or None in a new database."""
    if not conn.dialect.has_table(conn, REVISION_TABLE):
        return None
    return conn.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar_one_or_none()


def _migrate(engine: Engine, clock: Clock | None) -> None:
    with engine.begin() as conn:
        if conn.dialect.name != "sqlite":  # SQLite's BEGIN IMMEDIATE holds the lock already
            conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(WAIT_S)}s'")
            conn.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('farero.migrate'), hashtext(current_schema()))")
        current = _revision(conn)
        if current == HEAD:  # another process was faster
            return
        _run_alembic(conn, current)
        if clock is not None:
            from farero.store import meta

            meta.set(conn, "store.upgraded_at", clock.now().isoformat())


def _run_alembic(conn: Connection, current: str | None) -> None:
    # Half a second of imports that every later start can do without.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = conn
    try:
        if current is not None:
            ScriptDirectory.from_config(config).get_revision(current)
        command.upgrade(config, "head")
    except CommandError as unknown:
        raise StoreUnavailable(
            f"The state database is at revision {current}, which this Farero does not know.",
            retryable=False,
            hint="A newer Farero has been at work here: install that one, or restore a backup from before.",
        ) from unknown


def _switch_to_wal(engine: Engine) -> None:
    """Once for the file's life, under the file lock: of two processes that switch at once one is refused, whatever its timeout."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        cursor.close()
    except Exception as refused:
        if engine.dialect.dbapi is not None and isinstance(refused, engine.dialect.dbapi.Error):
            raise exc.OperationalError("PRAGMA journal_mode = WAL", None, refused) from refused
        raise
    finally:
        raw.close()
    if mode != "wal":
        raise StoreUnavailable(
            f"{engine.url.database} cannot keep a write-ahead log.",
            retryable=False,
            hint="Put the state on a local disk, not on a network share.",
        )


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends."""
    try:
        handle = path.open("a")
    except OSError as refused:
        raise StoreUnavailable(
            f"{path} cannot be written: {refused.strerror}.", retryable=False, hint="Check the rights of its folder."
        ) from refused
    with handle:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"Another process has been setting up {path.stem} for {WAIT_S:.0f} s.", hint="See what it is doing, then try again."
                    ) from None
                time.sleep(0.02)
        yield
