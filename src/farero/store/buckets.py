"""How many requests of a model came in each few minutes, and how many of them broke their promise."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from farero.core.objective import Bucket
from farero.store import tables
from farero.store.upsert import upsert

_table = tables.buckets


def put(conn: Connection, model: str, bucket: Bucket) -> None:
    """Store a bucket, over an older count of it."""
    row = {"model": model, "start": bucket.start, "requests": bucket.requests, "failed": bucket.failed, "slow": bucket.slow}
    upsert(conn, _table, row, replace=("requests", "failed", "slow"))


def since(conn: Connection, model: str, start: datetime) -> list[Bucket]:
    """The buckets that begin at this time or later, oldest first."""
    query = select(_table).where(_table.c.model == model, _table.c.start >= start).order_by(_table.c.start)
    return [Bucket(start=row.start, requests=row.requests, failed=row.failed, slow=row.slow) for row in conn.execute(query)]


def last(conn: Connection, model: str) -> datetime | None:
    """Where the newest bucket begins."""
    start: datetime | None = conn.execute(select(func.max(_table.c.start)).where(_table.c.model == model)).scalar_one()
    return start


def forget(conn: Connection, model: str, before: datetime) -> None:
    """Delete the buckets that begin before this time."""
    conn.execute(delete(_table).where(_table.c.model == model, _table.c.start < before))
