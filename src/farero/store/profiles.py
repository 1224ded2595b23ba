"""Profiles of windows by version, as bytes: days are merged into weeks without reading a prediction again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from farero.core.window import Window
from farero.store import tables
from farero.store.upsert import upsert

_table = tables.profiles


def put(conn: Connection, model: str, version: str, window: Window, body: bytes) -> None:
    """Store the profile of one version's rows in a window, over an older one."""
    row = {"model": model, "version": version, "window_start": window.start, "window_end": window.end, "body": body}
    upsert(conn, _table, row, replace=("body",))


def get(conn: Connection, model: str, version: str, window: Window) -> bytes | None:
    """The profile of one version's rows in a window, or None."""
    query = select(_table.c.body).where(
        _table.c.model == model, _table.c.version == version, _table.c.window_start == window.start, _table.c.window_end == window.end
    )
    return conn.execute(query).scalar_one_or_none()


def between(conn: Connection, model: str, version: str, start: datetime, end: datetime | None) -> list[tuple[Window, bytes]]:
    """The profiles of all windows that lie in [start, end), oldest first; without an end, of all since then."""
    query = (
        select(_table.c.window_start, _table.c.window_end, _table.c.body)
        .where(_table.c.model == model, _table.c.version == version, _table.c.window_start >= start)
        .order_by(_table.c.window_start, _table.c.window_end)
    )
    if end is not None:
        query = query.where(_table.c.window_end <= end)
    return [(Window(start=begin, end=finish), body) for begin, finish, body in conn.execute(query)]
