"""Training runs: those going on and how the others ended."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from farero.core.run import Run, RunStatus
from farero.errors import NotFound
from farero.store import tables
from farero.store.upsert import upsert

_table = tables.runs


def start(conn: Connection, run: Run) -> None:
    """Store a run that begins. One that was cut off and is begun again keeps its id and starts over."""
    row = {
        "id": run.id,
        "model": run.model,
        "kind": run.kind,
        "started": run.started,
        "because": run.because,
        "status": run.status,
        "finished": run.finished,
        "version": run.version,
        "error": run.error,
    }
    upsert(conn, _table, row, replace=("started", "because", "status", "finished", "version", "error"))


def finish(conn: Connection, id: str, at: datetime, status: RunStatus, version: str | None, error: str | None) -> None:
    """Note how a run ended.

    Raises:
        NotFound: no such run was started.
    """
    changed = conn.execute(
        update(_table).where(_table.c.id == id).values(finished=at, status=status, version=version, error=error)
    ).rowcount
    if changed == 0:
        raise NotFound(f"There is no run {id!r}.", hint="See them with: farero runs.", id=id)


def all(conn: Connection, model: str | None = None, last: int | None = None) -> list[Run]:  # noqa: A001 (read as runs.all)
    """The last so many runs (None = all), newest first."""
    query = select(_table).order_by(_table.c.started.desc(), _table.c.id.desc()).limit(last)
    if model is not None:
        query = query.where(_table.c.model == model)
    return [Run(**row._mapping) for row in conn.execute(query)]
