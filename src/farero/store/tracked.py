"""What a tracker has been told of runs and versions, and in which state: whatever differs from our own tables is still to be told.

Nothing is queued when something happens: the difference is the queue. So nothing can be forgotten between an event and its note, a tracker
that is named later is told everything, and telling twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from farero.store import tables
from farero.store.upsert import insert_once

_table = tables.tracked

Kind: TypeAlias = Literal["run", "version", "aliases"]
DELETED = "deleted"
ALIASES = "aliases"
"""The key of the one row that stands for all aliases of a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing that a tracker shall have. `stamp` changes whenever it has to be told anew."""

    kind: Kind
    model: str
    key: str
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the tracker knows of a thing.

    Attributes:
        stamp: the state that was told last; empty = none yet.
        remote: what the tracker calls it.
        attempts: in vain since then.
        due_at: when it may be tried again; None = at once.
        error: why the last try failed.
    """

    kind: Kind
    model: str
    key: str
    stamp: str
    remote: str
    attempts: int
    due_at: datetime | None
    error: str | None


def things(conn: Connection, model: str) -> list[Thing]:
    """Everything that a tracker shall have of a model, runs first, then versions, then aliases: each needs what comes before it."""
    runs, versions, production = tables.runs, tables.versions, tables.production
    # A verdict and a promotion come after a run has ended: each move of its version makes it be told anew, with its report.
    moved = select(tables.moves.c.number, func.max(tables.moves.c.id).label("id")).where(tables.moves.c.model == model)
    last = moved.group_by(tables.moves.c.number).subquery()
    of_runs = select(runs.c.id, runs.c.status, last.c.id).outerjoin_from(runs, last, last.c.number == runs.c.version)
    found = [
        Thing(kind="run", model=model, key=run, stamp=f"{status}/{move or 0}")
        for run, status, move in conn.execute(of_runs.where(runs.c.model == model).order_by(runs.c.started, runs.c.id))
    ]
    of_versions = select(versions.c.number, versions.c.state, versions.c.deleted_at, versions.c.metrics, versions.c.tags)
    staged = []
    for row in conn.execute(of_versions.where(versions.c.model == model).order_by(versions.c.created_at, versions.c.number)):
        state = DELETED if row.deleted_at is not None else row.state
        found.append(Thing(kind="version", model=model, key=row.number, stamp=f"{state}/{crc32(row.metrics + row.tags):08x}"))
        staged += [row.number] if state == "staging" else []
    if found:
        served = conn.execute(select(production.c.number, production.c.revision).where(production.c.model == model)).one_or_none()
        stamp = f"{served.number}/{served.revision}" if served is not None else "-"
        found.append(Thing(kind="aliases", model=model, key=ALIASES, stamp=f"{stamp}/{','.join(staged)}"))
    return found


def staging(conn: Connection, model: str) -> str | None:
    """The version that went to staging last and still is there."""
    versions, moves = tables.versions, tables.moves
    there = select(versions.c.number).where(versions.c.model == model, versions.c.state == "staging", versions.c.deleted_at.is_(None))
    query = select(moves.c.number).where(moves.c.model == model, moves.c.target == "staging", moves.c.number.in_(there))
    number: str | None = conn.execute(query.order_by(moves.c.id.desc()).limit(1)).scalar_one_or_none()
    return number


def run_of(conn: Connection, model: str, number: str) -> str | None:
    """The run that made a version; None for one that was brought in from elsewhere."""
    runs = tables.runs
    query = select(runs.c.id).where(runs.c.model == model, runs.c.version == number).order_by(runs.c.started.desc()).limit(1)
    run: str | None = conn.execute(query).scalar_one_or_none()
    return run


def digest_of(conn: Connection, model: str, number: str) -> str:
    """The files of a version, deleted or not."""
    versions = tables.versions
    digest: str = conn.execute(select(versions.c.digest).where(versions.c.model == model, versions.c.number == number)).scalar_one()
    return digest


def all(conn: Connection, model: str) -> dict[tuple[str, str], Told]:  # noqa: A001 (read as tracked.all)
    """What was told of a model, by kind and key."""
    rows = conn.execute(select(_table).where(_table.c.model == model))
    return {(row.kind, row.key): Told(**row._mapping) for row in rows}


def claim(conn: Connection, thing: Thing, now: datetime, until: datetime) -> bool:
    """Take a thing in hand until a moment; False where another process has it, or a failed try has not waited long enough."""
    row = {"kind": thing.kind, "model": thing.model, "key": thing.key, "stamp": "", "remote": "", "attempts": 0, "due_at": until}
    if insert_once(conn, _table, row):
        return True
    free = or_(_table.c.due_at.is_(None), _table.c.due_at <= now)
    changed = conn.execute(update(_table).where(*_own(thing), free, _table.c.stamp != thing.stamp).values(due_at=until)).rowcount
    return changed == 1


def told(conn: Connection, thing: Thing, remote: str) -> None:
    """The tracker has it in this state."""
    conn.execute(update(_table).where(*_own(thing)).values(stamp=thing.stamp, remote=remote, attempts=0, due_at=None, error=None))


def failed(conn: Connection, thing: Thing, error: str, again_at: datetime) -> None:
    """The tracker did not take it: not before `again_at` is it tried again."""
    conn.execute(update(_table).where(*_own(thing)).values(attempts=_table.c.attempts + 1, due_at=again_at, error=error))


def hurry(conn: Connection, model: str) -> int:
    """Let everything that waits after a failure be tried at once; returns how many things that are."""
    return conn.execute(update(_table).where(_table.c.model == model, _table.c.due_at.is_not(None)).values(due_at=None)).rowcount


def forget_aliases(conn: Connection, model: str) -> None:
    """Have a model's aliases told anew, whatever was told before."""
    conn.execute(update(_table).where(_table.c.model == model, _table.c.kind == "aliases").values(stamp="", due_at=None))


def _own(thing: Thing) -> tuple[ColumnElement[bool], ...]:
    return (_table.c.kind == thing.kind, _table.c.model == thing.model, _table.c.key == thing.key)
