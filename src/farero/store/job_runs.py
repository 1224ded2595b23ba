"""Runs of jobs: those that wait, those under way, and how the others went."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from farero.core.job import JobRun, JobStatus
from farero.errors import NotFound
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import insert_once

_table = tables.job_runs


def add(conn: Connection, run: JobRun) -> bool:
    """Store a run; False, and nothing changes, where one of this id was stored before."""
    row = {"id": run.id, "job": run.job, "model": run.model, "status": run.status, "queued_at": run.queued_at, "body": encode(run)}
    return insert_once(conn, _table, row)


def get(conn: Connection, id: str) -> JobRun:
    """One run.

    Raises:
        NotFound: there is none of this id.
    """
    body = conn.execute(select(_table.c.body).where(_table.c.id == id)).scalar_one_or_none()
    if body is None:
        raise NotFound(f"There is no run {id!r} of a job.", hint="See them with: farero jobs history.", id=id)
    return decode(body, JobRun)


def put(conn: Connection, run: JobRun) -> None:
    """Write a stored run over. Read it in the same transaction, so that no change of another process is lost."""
    conn.execute(update(_table).where(_table.c.id == run.id).values(status=run.status, body=encode(run)))


def open(conn: Connection) -> list[JobRun]:  # noqa: A001 (read as job_runs.open)
    """Runs that wait or are under way, oldest first."""
    query = select(_table.c.body).where(_table.c.status.in_(("queued", "running"))).order_by(_table.c.queued_at, _table.c.id)
    return [decode(body, JobRun) for body in conn.execute(query).scalars()]


def all(  # noqa: A001 (read as job_runs.all)
    conn: Connection, *, job: str | None = None, model: str | None = None, status: JobStatus | None = None, last: int | None = None
) -> list[JobRun]:
    """The last so many runs (None = all), newest first."""
    query = select(_table.c.body).order_by(_table.c.queued_at.desc(), _table.c.id.desc()).limit(last)
    for column, wanted in ((_table.c.job, job), (_table.c.model, model), (_table.c.status, status)):
        if wanted is not None:
            query = query.where(column == wanted)
    return [decode(body, JobRun) for body in conn.execute(query).scalars()]
