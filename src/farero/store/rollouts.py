"""Rollouts: versions on their way to production, open and past; one open a model."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from farero.core.rollout import OPEN, Rollout, Step, moved
from farero.errors import Conflict, NotFound, StaleDecision
from farero.store import endpoints, tables
from farero.store.codec import decode, encode

_table = tables.rollouts


def add(conn: Connection, rollout: Rollout) -> Rollout:
    """Store a new one.

    Raises:
        Conflict: another version of the model is on its way.
    """
    running = find_open(conn, rollout.model)
    if running is not None:
        raise Conflict(
            f"{rollout.model} {running.number} is on its way to production ({running.stage}).",
            hint="Wait for it, or end it with: farero rollouts stop --because TEXT.",
        )
    stored = replace(rollout, revision=1)
    made = conn.execute(insert(_table).returning(_table.c.id), _row(stored)).scalar_one()
    return replace(stored, id=made)


def save(conn: Connection, rollout: Rollout) -> Rollout:
    """Store it as it is now, if nobody else changed it since it was read.

    Raises:
        StaleDecision: somebody did. Nothing is stored.
    """
    known = get(conn, rollout.model, rollout.id)
    if known.revision != rollout.revision:
        raise StaleDecision(
            f"The rollout of {rollout.model} {rollout.number} was changed since: it is {known.status} at {known.stage}.",
            hint="Look again, then decide again.",
        )
    stored = replace(rollout, revision=rollout.revision + 1)
    # The status is compared again in the statement itself: nothing that was read before decides alone.
    same = (_table.c.id == rollout.id) & (_table.c.status == known.status)
    if conn.execute(update(_table).where(same).values(_row(stored))).rowcount != 1:
        raise StaleDecision(f"The rollout of {rollout.model} {rollout.number} was changed in the same moment.", hint="Look again.")
    return stored


def stop(conn: Connection, rollout: Rollout, *, at: datetime, by: str, because: str) -> Rollout:
    """End one that goes on, and let production answer everything again."""
    free(conn, rollout, at=at, by=by, because=because)
    return save(conn, moved(rollout, Step(action="stop", because=(because,), stage=rollout.stage), at, by=by))


def overtaken(conn: Connection, model: str, number: str, *, at: datetime, by: str, because: str) -> Rollout | None:
    """End the one that goes on because a version was put into production beside it: its own, or another."""
    running = find_open(conn, model)
    if running is None:
        return None
    if running.number != number:
        return stop(conn, running, at=at, by=by, because=f"{number} was put into production: {because}")
    free(conn, running, at=at, by=by, because=because)
    return save(conn, moved(running, Step(action="finish", because=(because,), stage=running.stage), at, by=by))


def free(conn: Connection, rollout: Rollout, *, at: datetime, by: str, because: str) -> None:
    """Take its version out of its model's own endpoint, whatever its part there is; other changes of the endpoint stay."""
    own = endpoints.own(conn, rollout.model)
    answers = any(route.version == rollout.number for route in own.routes)
    if answers or rollout.number in own.shadow:
        rest = replace(own, routes=() if answers else own.routes, shadow=tuple(number for number in own.shadow if number != rollout.number))
        endpoints.put(conn, rest, at=at, by=by, because=because)


def find_open(conn: Connection, model: str) -> Rollout | None:
    """The one that goes on, or None."""
    row = conn.execute(_of(model).where(_table.c.status.in_(OPEN))).mappings().one_or_none()
    return None if row is None else _rollout(row)


def get(conn: Connection, model: str, id: int) -> Rollout:
    """One rollout.

    Raises:
        NotFound: there is none with that id.
    """
    row = conn.execute(_of(model).where(_table.c.id == id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"{model} has no rollout {id}.", hint="See them with: farero rollouts.")
    return _rollout(row)


def all(conn: Connection, model: str | None = None, last: int | None = None) -> list[Rollout]:  # noqa: A001 (read as rollouts.all)
    """The last so many rollouts (None = all) of one model or of all, newest first."""
    query = select(_table) if model is None else _of(model)
    return [_rollout(row) for row in conn.execute(query.order_by(_table.c.id.desc()).limit(last)).mappings()]


def _of(model: str) -> Select[*tuple[Any, ...]]:
    return select(_table).where(_table.c.model == model)


def _row(rollout: Rollout) -> dict[str, object]:
    return {
        "model": rollout.model, "number": rollout.number, "against": rollout.against, "status": rollout.status,
        "started": rollout.started, "finished": rollout.finished, "body": encode(rollout),
    }  # fmt: skip


def _rollout(row: RowMapping) -> Rollout:
    return replace(decode(row["body"], Rollout), id=row["id"])
