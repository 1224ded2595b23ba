"""Endpoints: how requests reach versions now, and every change that led there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, insert, select, update
from sqlalchemy import delete as remove

from farero.core.endpoint import Endpoint, EndpointChange, own_endpoint
from farero.errors import EndpointNotFound, IllegalMove, StaleDecision
from farero.store import tables
from farero.store.codec import decode, encode

_table = tables.endpoints
_changes = tables.endpoint_changes


def get(conn: Connection, name: str) -> Endpoint:
    """One stored endpoint.

    Raises:
        EndpointNotFound: there is none of that name; names the nearest. A model's own may never have been stored: ask `own`.
    """
    found = find(conn, name)
    if found is None:
        names = [endpoint.name for endpoint in all(conn)]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else "See them with: farero endpoints."
        raise EndpointNotFound(f"There is no endpoint {name}.", hint=hint, name=name)
    return found


def find(conn: Connection, name: str) -> Endpoint | None:
    """One endpoint, or None where none of that name is stored."""
    row = conn.execute(select(_table).where(_table.c.name == name)).mappings().one_or_none()
    return None if row is None else _endpoint(row)


def own(conn: Connection, model: str) -> Endpoint:
    """A model's own endpoint, which is there without having been stored."""
    return find(conn, model) or own_endpoint(model)


def all(conn: Connection, model: str | None = None) -> list[Endpoint]:  # noqa: A001 (read as endpoints.all)
    """Every stored endpoint, of one model or of all, by name."""
    query = select(_table).order_by(_table.c.name)
    if model is not None:
        query = query.where(_table.c.model == model)
    return [_endpoint(row) for row in conn.execute(query).mappings()]


def put(conn: Connection, endpoint: Endpoint, *, at: datetime, by: str, because: str, expected: int | None = None) -> Endpoint:
    """Store an endpoint as it shall be from now on, and note the change.

    Args:
        endpoint: its own `revision` and `changed_at` do not matter.
        expected: the revision that the caller saw; 0 = there was none; None = whatever is there.

    Raises:
        StaleDecision: somebody else changed it since the caller looked. Nothing is stored.
    """
    known = find(conn, endpoint.name)
    _check(endpoint.name, known, expected)
    # After a deletion the numbers go on: a process that saw the old endpoint must see that this one is another.
    last = conn.execute(select(func.max(_changes.c.revision)).where(_changes.c.name == endpoint.name)).scalar_one_or_none() or 0
    stored = replace(endpoint, revision=last + 1, changed_at=at)
    row = {"name": stored.name, "model": stored.model, "revision": stored.revision, "changed_at": at, "body": encode(stored)}
    if known is None:
        conn.execute(insert(_table), row)
    else:
        same = (_table.c.name == endpoint.name) & (_table.c.revision == known.revision)
        changed = conn.execute(update(_table).where(same).values(row)).rowcount
        _settled(endpoint.name, changed)
    _note(conn, stored, at, by, because)
    return stored


def unsplit(conn: Connection, model: str, *, at: datetime, by: str, because: str) -> Endpoint:
    """Let the version in production answer everything that comes to a model's own endpoint."""
    known = own(conn, model)
    return put(conn, replace(known, routes=()), at=at, by=by, because=because) if known.routes else known


def delete(conn: Connection, name: str, *, at: datetime, by: str, because: str, expected: int | None = None) -> Endpoint:
    """Take an endpoint away and return what it was; its history stays.

    Raises:
        EndpointNotFound: there is none of that name.
        IllegalMove: it is a model's own, which is always there.
        StaleDecision: somebody else changed it since the caller looked.
    """
    known = get(conn, name)
    if known.is_own:
        raise IllegalMove(
            f"{name} is the endpoint of the model {name} itself and cannot be deleted.",
            hint=f"Let the version in production answer everything again with: farero endpoints split {name} --route production=100.",
        )
    _check(name, known, expected)
    same = (_table.c.name == name) & (_table.c.revision == known.revision)
    _settled(name, conn.execute(remove(_table).where(same)).rowcount)
    row = {"name": name, "revision": known.revision + 1, "at": at, "by": by, "because": because, "body": None}
    conn.execute(insert(_changes), row)
    return known


def changes(conn: Connection, name: str) -> list[EndpointChange]:
    """Every change of an endpoint, oldest first, its deletion included."""
    query = select(_changes).where(_changes.c.name == name).order_by(_changes.c.id)
    return [
        EndpointChange(
            name=row.name, revision=row.revision, at=row.at, by=row.by, because=row.because,
            endpoint=None if row.body is None else decode(row.body, Endpoint),
        )
        for row in conn.execute(query)
    ]  # fmt: skip


def stamp(conn: Connection) -> Mapping[str, int]:
    """The revision of each stored endpoint: cheap to poll, and differs after every change."""
    return {row.name: row.revision for row in conn.execute(select(_table.c.name, _table.c.revision))}


def using(conn: Connection, model: str, number: str) -> list[str]:
    """The names of the endpoints that need this version by its number."""
    return [endpoint.name for endpoint in all(conn, model) if number in endpoint.versions]


def _check(name: str, known: Endpoint | None, expected: int | None) -> None:
    there = 0 if known is None else known.revision
    if expected is None or expected == there:
        return
    if known is None:
        raise StaleDecision(f"There is no endpoint {name} any more.", hint="Look again, then decide again.", name=name)
    if expected == 0:
        raise StaleDecision(f"There is an endpoint {name} already.", hint="Change it instead, or take another name.", name=name)
    raise StaleDecision(
        f"The endpoint {name} was changed since: it is at revision {there}, not {expected}.",
        hint="Look again, then decide again.",
        name=name,
    )


def _settled(name: str, changed: int) -> None:
    # The revision is compared again in the statement itself: nothing that was read before decides alone.
    if changed != 1:
        raise StaleDecision(f"The endpoint {name} was changed in the same moment.", hint="Look again, then decide again.", name=name)


def _note(conn: Connection, stored: Endpoint, at: datetime, by: str, because: str) -> None:
    row = {"name": stored.name, "revision": stored.revision, "at": at, "by": by, "because": because, "body": encode(stored)}
    conn.execute(insert(_changes), row)


def _endpoint(row: RowMapping) -> Endpoint:
    return decode(row["body"], Endpoint)
