"""Versions of models: where each is in its life, and who moved it there, when and why."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection as Connection
from sqlalchemy import RowMapping, Select, Update, insert, select, update

from farero.core.version import Move, State, Version, is_legal
from farero.errors import Conflict, IllegalMove, StaleDecision, VersionNotFound
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import upsert

_table = tables.versions


def add(conn: Connection, version: Version, *, by: str = "farero") -> Version:
    """Store a new candidate; one that is stored under the same origin already is returned instead: training twice makes one version.

    Raises:
        Conflict: the number is taken by a version of another origin, perhaps a deleted one.
    """
    known = find_by_origin(conn, version.model, version.origin)
    if known is not None:
        return known
    if version.number in numbers(conn, version.model):
        raise Conflict(
            f"{version.model} {version.number} exists, or existed: a number is given once.",
            hint="Take the next number after all in versions.numbers.",
        )
    conn.execute(
        insert(_table).values(
            model=version.model,
            number=version.number,
            state="candidate",
            digest=version.digest,
            size_bytes=version.size_bytes,
            created_at=version.created_at,
            trained_until=version.trained_until,
            trained_rows=version.trained_rows,
            data_fingerprint=version.data_fingerprint,
            schema_digest=version.schema_digest,
            origin=version.origin,
            because=version.because,
            metrics=encode(dict(version.metrics)),
            environment=encode(dict(version.environment)),
            tags=encode(dict(version.tags)),
            git_commit=version.git_commit,
        )
    )
    _note(conn, version.model, version.number, None, "candidate", version.created_at, by, version.because)
    return get(conn, version.model, version.number)


def get(conn: Connection, model: str, number: str) -> Version:
    """One version.

    Raises:
        VersionNotFound: there is none of that number; names the nearest.
    """
    row = conn.execute(_alive(model).where(_table.c.number == number)).mappings().one_or_none()
    if row is None:
        existing = [version.number for version in all(conn, model)]
        raise VersionNotFound(f"{model} has no version {number}.", hint=_near(number, existing), model=model, number=number)
    return _version(row)


def find_by_origin(conn: Connection, model: str, origin: str) -> Version | None:
    """The version that this run or file made, if it got that far."""
    row = conn.execute(_alive(model).where(_table.c.origin == origin)).mappings().one_or_none()
    return None if row is None else _version(row)


def all(conn: Connection, model: str) -> list[Version]:  # noqa: A001 (read as versions.all)
    """Every version, newest number first; deleted ones are left out."""
    return sorted(
        (_version(row) for row in conn.execute(_alive(model)).mappings()), key=lambda version: _order(version.number), reverse=True
    )


def numbers(conn: Connection, model: str) -> list[str]:
    """Every number that was ever given, deleted versions included, oldest first: what the next number must be after."""
    return sorted(conn.execute(select(_table.c.number).where(_table.c.model == model)).scalars(), key=_order)


def production(conn: Connection, model: str) -> Version | None:
    """The version in production, or None."""
    row = conn.execute(_alive(model).where(_table.c.state == "production")).mappings().one_or_none()
    return None if row is None else _version(row)


def production_stamp(conn: Connection) -> Mapping[str, tuple[str, int]]:
    """For each model with a version in production: its number, and a revision that grows at every change of hands."""
    table = tables.production
    rows = conn.execute(select(table.c.model, table.c.number, table.c.revision).where(table.c.number.is_not(None)))
    return {model: (number, revision) for model, number, revision in rows}


def move(
    conn: Connection,
    model: str,
    number: str,
    *,
    source: State,
    target: State,
    at: datetime,
    by: str,
    because: str,
    replacing: str | None = None,
) -> Version:
    """Move a version in its life if it still is where the caller saw it. One that goes to production archives the one that was there.

    Args:
        replacing: the version that the decision takes to be in production; None = whichever is.

    Raises:
        IllegalMove: no version may go from `source` to `target`.
        StaleDecision: the version is no longer in `source`, or production is no longer `replacing`.
        VersionNotFound: there is no such version.
    """
    if not is_legal(source, target):
        raise IllegalMove(f"{model} {number} cannot move from {source} to {target}.", hint=_ROUTES)
    current = get(conn, model, number)
    if current.state != source:
        raise StaleDecision(
            f"{model} {number} is {current.state} by now, not {source}.", hint="Look again, then decide again.", model=model, number=number
        )
    holder = production(conn, model)
    if replacing is not None and (holder is None or holder.number != replacing):
        raise StaleDecision(
            f"{model} {holder.number if holder else '(no version)'} is in production by now, not {replacing}.",
            hint="Judge the candidate against it first.",
        )
    if target == "production":
        if holder is not None:
            _set_state(conn, model, holder.number, "production", "archived")
            _note(conn, model, holder.number, "production", "archived", at, by, f"replaced by {number}: {because}")
        _change_hands(conn, model, number)
    elif source == "production":
        _change_hands(conn, model, None)
    _set_state(conn, model, number, source, target)
    _note(conn, model, number, source, target, at, by, because)
    return get(conn, model, number)


_ROUTES = "A version goes candidate, staging, production, archived; an archived one may come back."


def moves(conn: Connection, model: str, number: str | None = None) -> list[Move]:
    """The history of all versions of a model or of one, oldest first; deleted ones included."""
    table = tables.moves
    query = select(table).where(table.c.model == model).order_by(table.c.id)
    if number is not None:
        query = query.where(table.c.number == number)
    return [
        Move(model=row.model, number=row.number, source=row.source, target=row.target, at=row.at, by=row.by, because=row.because)
        for row in conn.execute(query)
    ]


def set_metrics(conn: Connection, model: str, number: str, metrics: Mapping[str, float]) -> Version:
    """Write a version's metrics anew."""
    get(conn, model, number)
    conn.execute(_one(model, number).values(metrics=encode(dict(metrics))))
    return get(conn, model, number)


def set_tags(conn: Connection, model: str, number: str, tags: Mapping[str, str]) -> Version:
    """Write a version's tags anew."""
    get(conn, model, number)
    conn.execute(_one(model, number).values(tags=encode(dict(tags))))
    return get(conn, model, number)


def delete(conn: Connection, model: str, number: str, *, at: datetime, by: str, because: str) -> Version:
    """Take a version out of all lists and return what it was. Its history stays, and nothing else ever gets its number.

    Raises:
        IllegalMove: it is in production.
        VersionNotFound: there is no such version.
    """
    version = get(conn, model, number)
    if version.state == "production":
        raise IllegalMove(f"{model} {number} is in production and cannot be deleted.", hint="Promote another version first.")
    conn.execute(
        _one(model, number).values(deleted_at=at, deleted_because=f"{by}: {because}", origin=f"{version.origin}#deleted-{number}")
    )  # fmt: skip
    return version


def digests(conn: Connection) -> set[str]:
    """The files that a version of any model still needs: its own, and the rows it was trained on."""
    rows = conn.execute(select(_table.c.digest, _table.c.tags).where(_table.c.deleted_at.is_(None)))
    return {digest for own, tags in rows for digest in (own, decode(tags, dict[str, str]).get("base")) if digest is not None}


def _alive(model: str) -> Select[*tuple[Any, ...]]:
    return select(_table).where(_table.c.model == model, _table.c.deleted_at.is_(None))


def _one(model: str, number: str) -> Update:
    return update(_table).where(_table.c.model == model, _table.c.number == number)


def _set_state(conn: Connection, model: str, number: str, source: State, target: State) -> None:
    # The state is compared again in the update itself: nothing that was read before decides alone.
    changed = conn.execute(_one(model, number).where(_table.c.state == source).values(state=target)).rowcount
    if changed != 1:
        raise StaleDecision(f"{model} {number} is not {source} any more.", hint="Look again, then decide again.")


def _change_hands(conn: Connection, model: str, number: str | None) -> None:
    table = tables.production
    revision = conn.execute(select(table.c.revision).where(table.c.model == model)).scalar_one_or_none() or 0
    upsert(conn, table, {"model": model, "number": number, "revision": revision + 1}, replace=("number", "revision"))


def _note(conn: Connection, model: str, number: str, source: State | None, target: State, at: datetime, by: str, because: str) -> None:
    values = {"model": model, "number": number, "source": source, "target": target, "at": at, "by": by, "because": because}
    conn.execute(insert(tables.moves), values)


def _version(found: RowMapping) -> Version:
    return Version(
        model=found["model"],
        number=found["number"],
        state=cast(State, found["state"]),
        digest=found["digest"],
        size_bytes=found["size_bytes"],
        created_at=found["created_at"],
        trained_until=found["trained_until"],
        trained_rows=found["trained_rows"],
        data_fingerprint=found["data_fingerprint"],
        schema_digest=found["schema_digest"],
        origin=found["origin"],
        because=found["because"],
        metrics=decode(found["metrics"], dict[str, float]),
        environment=decode(found["environment"], dict[str, str]),
        tags=decode(found["tags"], dict[str, str]),
        git_commit=found["git_commit"],
    )


def _order(number: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in number.split("."))


def _near(number: str, existing: list[str]) -> str:
    if not existing:
        return "It has none yet: make one with farero train."
    near = list(dict.fromkeys([*difflib.get_close_matches(number, existing, n=3, cutoff=0.5), *existing[:3]]))
    return f"There is {', '.join(near)}." if len(near) == len(existing) else f"There is, among others, {', '.join(near)}."
