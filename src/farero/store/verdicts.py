"""Every verdict on every candidate, in the order in which they were reached."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from farero.core.gate import Verdict
from farero.store import tables
from farero.store.codec import decode, encode

_table = tables.verdicts


def add(conn: Connection, model: str, number: str, verdict: Verdict, at: datetime) -> None:
    """Store a verdict on a version."""
    conn.execute(insert(_table).values(model=model, number=number, at=at, accepted=verdict.accepted, body=encode(verdict)))


def newest(conn: Connection, model: str, number: str) -> tuple[datetime, Verdict] | None:
    """The last verdict on a version and when it was reached; None where nobody judged it."""
    query = select(_table.c.at, _table.c.body).where(_table.c.model == model, _table.c.number == number)
    row = conn.execute(query.order_by(_table.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else (row.at, decode(row.body, Verdict))
