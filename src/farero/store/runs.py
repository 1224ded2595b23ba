"""Training runs: those going on and how the others ended."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from farero.core.run import Run, RunNotes, RunStatus
from farero.errors import NotFound
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import upsert

_table = tables.runs
_LISTED = 5
_SHOWN = [column for column in _table.c if column.name != "body"]


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
        "body": None,
    }
    upsert(conn, _table, row, replace=("started", "because", "status", "finished", "version", "error", "body"))


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


def note(conn: Connection, id: str, notes: RunNotes) -> None:
    """Write down what a run has done and printed so far."""
    conn.execute(update(_table).where(_table.c.id == id).values(body=encode(notes)))


def get(conn: Connection, id: str) -> tuple[Run, RunNotes]:
    """A run with what it did and printed.

    Args:
        id: of the run, or the beginning of it, or a part that no other has.

    Raises:
        NotFound: there is none, or several; names the nearest.
    """
    rows = conn.execute(select(_table).where(_table.c.id == id)).all()
    rows = rows or conn.execute(select(_table).where(_table.c.id.contains(id, autoescape=True)).limit(_LISTED + 1)).all()
    if len(rows) != 1:
        listed = ", ".join(row.id for row in rows[:_LISTED])
        hint = f"Say more of it; there is {listed}." if rows else "See them with: farero runs."
        raise NotFound(f"There {'are several runs' if rows else 'is no run'} {id!r}.", hint=hint, id=id)
    fields = dict(rows[0]._mapping)
    body = fields.pop("body")
    return Run(**fields), RunNotes() if body is None else decode(body, RunNotes)


def all(conn: Connection, model: str | None = None, last: int | None = None) -> list[Run]:  # noqa: A001 (read as runs.all)
    """The last so many runs (None = all), newest first."""
    query = select(*_SHOWN).order_by(_table.c.started.desc(), _table.c.id.desc()).limit(last)
    if model is not None:
        query = query.where(_table.c.model == model)
    return [Run(**row._mapping) for row in conn.execute(query)]
