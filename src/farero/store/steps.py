"""What each step made of each window, stored once: a step that is run again finds its value instead of making another."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from farero.core.window import Window
from farero.store import tables
from farero.store.upsert import insert_once

_table = tables.steps


def get(conn: Connection, model: str, window: Window, step: str) -> bytes | None:
    """The step's value for the window, or None where it has not been made."""
    query = select(_table.c.value).where(
        _table.c.model == model, _table.c.step == step, _table.c.window_end == window.end, _table.c.window_start == window.start
    )
    return conn.execute(query).scalar_one_or_none()


def put(conn: Connection, model: str, window: Window, step: str, value: bytes, at: datetime) -> bool:
    """Store the value; False, and nothing changes, where there is one already."""
    row = {"model": model, "step": step, "window_start": window.start, "window_end": window.end, "value": value, "at": at}
    return insert_once(conn, _table, row)


def last_end(conn: Connection, model: str, step: str) -> datetime | None:
    """The end of the last window that has been through the step."""
    query = select(func.max(_table.c.window_end)).where(_table.c.model == model, _table.c.step == step)
    end: datetime | None = conn.execute(query).scalar_one()
    return end


def starts(conn: Connection, model: str, step: str, *, ending_after: datetime) -> list[datetime]:
    """Where the windows begin that have been through the step, and end after a time."""
    query = select(_table.c.window_start).where(_table.c.model == model, _table.c.step == step, _table.c.window_end > ending_after)
    return list(conn.execute(query.order_by(_table.c.window_start)).scalars())


def pace(conn: Connection, model: str, step: str) -> tuple[int, timedelta]:
    """How many windows have been through the step, and the time from the start of the first to the end of the last."""
    query = select(func.count(), func.min(_table.c.window_start), func.max(_table.c.window_end))
    count, first, last = conn.execute(query.where(_table.c.model == model, _table.c.step == step)).one()
    return count, (last - first if count else timedelta(0))


def all(  # noqa: A001 (read as steps.all)
    conn: Connection, model: str, step: str, *, since: datetime | None = None, last: int | None = None
) -> list[tuple[Window, bytes]]:
    """The step's values, oldest window first: of windows that start at `since` or later, and the last so many of them."""
    query = select(_table.c.window_start, _table.c.window_end, _table.c.value).where(_table.c.model == model, _table.c.step == step)
    if since is not None:
        query = query.where(_table.c.window_start >= since)
    rows = conn.execute(query.order_by(_table.c.window_end.desc(), _table.c.window_start.desc()).limit(last)).all()
    return [(Window(start=start, end=end), value) for start, end, value in reversed(rows)]
