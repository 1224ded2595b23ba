"""Insert a row or, where it is there already, leave or replace it: one spelling for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(conn: Connection, table: Table, row: Mapping[str, object], *, replace: Sequence[str], key: Sequence[str] | None = None) -> None:
    """Insert the row; where one with this key is there, replace these columns. The key is the primary key unless said otherwise."""
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(table)
    conn.execute(
        insert.on_conflict_do_update(
            index_elements=list(key or [column.name for column in table.primary_key]),
            set_={name: getattr(insert.excluded, name) for name in replace},
        ),
        dict(row),
    )


def insert_once(conn: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert the row unless one with its key is there; whether it was inserted."""
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(table)
    # Not by rowcount: an insert does not report it on every driver.
    key = next(iter(table.primary_key))
    return conn.execute(insert.values(dict(row)).on_conflict_do_nothing().returning(key)).first() is not None
