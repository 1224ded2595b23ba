"""Which models are frozen: nothing moves into their production by itself."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from farero.core.freeze import Freeze
from farero.store import tables
from farero.store.upsert import upsert

_table = tables.freezes


def put(conn: Connection, freeze: Freeze) -> Freeze:
    """Freeze a model; one that is frozen already has the newer reason from now on."""
    row = {"model": freeze.model, "at": freeze.at, "by": freeze.by, "because": freeze.because}
    upsert(conn, _table, row, replace=("at", "by", "because"))
    return freeze


def lift(conn: Connection, model: str) -> Freeze | None:
    """Let it move again; the freeze that was there, or None."""
    known = of(conn, model)
    conn.execute(delete(_table).where(_table.c.model == model))
    return known


def of(conn: Connection, model: str) -> Freeze | None:
    """The freeze of a model, or None."""
    row = conn.execute(select(_table).where(_table.c.model == model)).one_or_none()
    return None if row is None else Freeze(model=row.model, at=row.at, by=row.by, because=row.because)
