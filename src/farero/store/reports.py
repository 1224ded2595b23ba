"""Reports of runs, written once when a run has ended: they tell a year later what was known then."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from farero.core.run_report import RunReport
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import upsert

_table = tables.reports


def put(conn: Connection, report: RunReport, at: datetime) -> None:
    """Keep a report; one of the same run is written anew."""
    upsert(conn, _table, {"run": report.id, "at": at, "body": encode(report)}, replace=("at", "body"))


def get(conn: Connection, run: str) -> RunReport | None:
    """The report of a run, or None where there is none yet."""
    body = conn.execute(select(_table.c.body).where(_table.c.run == run)).scalar_one_or_none()
    return None if body is None else decode(body, RunReport)


def due(conn: Connection, model: str, limit: int) -> list[tuple[str, bool]]:
    """Runs of a model that have ended and have no report yet, or one from before their version moved; and whether they have one."""
    runs, moves = tables.runs, tables.moves
    moved = select(moves.c.number, func.max(moves.c.at).label("at")).where(moves.c.model == model).group_by(moves.c.number).subquery()
    query = (
        select(runs.c.id, _table.c.run)
        .outerjoin_from(runs, _table, _table.c.run == runs.c.id)
        .outerjoin(moved, moved.c.number == runs.c.version)
        .where(runs.c.model == model, runs.c.finished.is_not(None), or_(_table.c.run.is_(None), moved.c.at > _table.c.at))
    )
    return [(run, kept is not None) for run, kept in conn.execute(query.order_by(runs.c.started, runs.c.id).limit(limit))]
