"""How often which field of a request was refused, by day: refused rows themselves are never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select, update

from farero.store import tables
from farero.store.upsert import insert_once

_table = tables.refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """How often a field was refused for one reason on one day [UTC]."""

    day: date
    path: str
    code: str
    count: int


def add(conn: Connection, model: str, day: date, path: str, code: str, count: int = 1) -> None:
    """Count some more."""
    if insert_once(conn, _table, {"model": model, "day": day, "path": path, "code": code, "count": count}):
        return
    conn.execute(
        update(_table)
        .where(_table.c.model == model, _table.c.day == day, _table.c.path == path, _table.c.code == code)
        .values(count=_table.c.count + count)
    )


def between(conn: Connection, model: str, start: date, end: date) -> list[Refusals]:
    """The counts of start <= day < end, oldest day first, most frequent first."""
    query = (
        select(_table.c.day, _table.c.path, _table.c.code, _table.c["count"])
        .where(_table.c.model == model, _table.c.day >= start, _table.c.day < end)
        .order_by(_table.c.day, _table.c["count"].desc(), _table.c.path, _table.c.code)
    )
    return [Refusals(day=day, path=path, code=code, count=count) for day, path, code, count in conn.execute(query)]
