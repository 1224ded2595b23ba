"""Small facts about the installation by name, such as when the worker was last seen."""

from __future__ import annotations

from sqlalchemy import Connection, select

from farero.store import tables
from farero.store.upsert import upsert


def get(conn: Connection, name: str) -> str | None:
    """The fact, or None where it was never set."""
    return conn.execute(select(tables.meta.c.value).where(tables.meta.c.name == name)).scalar_one_or_none()


def set(conn: Connection, name: str, value: str) -> None:  # noqa: A001 (read as meta.set)
    """Write the fact over what was there."""
    upsert(conn, tables.meta, {"name": name, "value": value}, replace=("value",))
