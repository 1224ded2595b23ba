"""How each way to train did in a retraining, stored as soon as it is known, so that one that is cut off trains none of them twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from farero.core.competition import Heat
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import insert_once

_table = tables.heats


def add(conn: Connection, model: str, origin: str, heat: Heat, at: datetime) -> bool:
    """Store it; False, and nothing changes, where this entrant's heat of this retraining is known already."""
    row = {"model": model, "origin": origin, "entrant": heat.entrant, "at": at, "body": encode(heat)}
    return insert_once(conn, _table, row)


def find(conn: Connection, model: str, origin: str, entrant: str) -> Heat | None:
    """The entrant's heat in this retraining, if it was run before."""
    query = select(_table.c.body).where(_table.c.model == model, _table.c.origin == origin, _table.c.entrant == entrant)
    body = conn.execute(query).scalar_one_or_none()
    return None if body is None else decode(body, Heat)


def all(conn: Connection, model: str, origin: str | None = None) -> list[Heat]:  # noqa: A001 (read as heats.all)
    """The heats of one retraining, or of all of them, in the order in which they were run."""
    query = select(_table.c.body).where(_table.c.model == model)
    if origin is not None:
        query = query.where(_table.c.origin == origin)
    return [decode(body, Heat) for body in conn.execute(query.order_by(_table.c.at, _table.c.origin, _table.c.entrant)).scalars()]
