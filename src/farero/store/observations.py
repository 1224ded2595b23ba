"""What each closed window looked like. Written again when late labels refresh its metrics."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from farero.core.observation import Observation
from farero.core.window import Window
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import upsert

_table = tables.observations


def put(conn: Connection, model: str, observation: Observation) -> None:
    """Store the observation of its window, over an older one."""
    row = {
        "model": model,
        "window_start": observation.window.start,
        "window_end": observation.window.end,
        "version": observation.version,
        "body": encode(observation),
    }
    upsert(conn, _table, row, replace=("version", "body"))


def get(conn: Connection, model: str, window: Window) -> Observation | None:
    """The observation of one window, or None where it is not closed yet."""
    query = select(_table.c.body).where(
        _table.c.model == model, _table.c.window_start == window.start, _table.c.window_end == window.end
    )  # fmt: skip
    body = conn.execute(query).scalar_one_or_none()
    return None if body is None else decode(body, Observation)


def latest(conn: Connection, model: str, last: int | None = None) -> list[Observation]:
    """The last so many observations (None = all), oldest first."""
    query = (
        select(_table.c.body).where(_table.c.model == model).order_by(_table.c.window_start.desc(), _table.c.window_end.desc()).limit(last)
    )
    return [decode(body, Observation) for body in reversed(conn.execute(query).scalars().all())]


def last_before(conn: Connection, model: str, start: datetime) -> Observation | None:
    """The newest observation of a window that begins before `start`."""
    query = select(_table.c.body).where(_table.c.model == model, _table.c.window_start < start)
    body = conn.execute(query.order_by(_table.c.window_start.desc(), _table.c.window_end.desc()).limit(1)).scalar_one_or_none()
    return None if body is None else decode(body, Observation)


def since(conn: Connection, model: str, start: datetime | None) -> list[Observation]:
    """Observations of windows that end after `start` (None = all), oldest first."""
    query = select(_table.c.body).where(_table.c.model == model).order_by(_table.c.window_start, _table.c.window_end)
    if start is not None:
        query = query.where(_table.c.window_end > start)
    return [decode(body, Observation) for body in conn.execute(query).scalars()]
