"""Decisions after each window, "no" included, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, select, update

from farero.core.gate import Verdict
from farero.core.policy import Decision
from farero.core.window import Window
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import insert_once

_table = tables.decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A decision, the version that was trained on it and the verdict on that; None while there is none."""

    decision: Decision
    candidate: str | None = None
    verdict: Verdict | None = None


def add(conn: Connection, model: str, decision: Decision, candidate: str | None = None, verdict: Verdict | None = None) -> bool:
    """Store it; False, and nothing changes, where the same policy has decided on this window already."""
    row = {
        "model": model,
        "window_start": decision.window.start,
        "window_end": decision.window.end,
        "policy": decision.policy,
        "action": decision.action,
        "at": decision.at,
        "body": encode(decision),
        "candidate": candidate,
        "verdict": None if verdict is None else encode(verdict),
    }
    return insert_once(conn, _table, row)


def find(conn: Connection, model: str, window: Window, policy: str | None = None) -> StoredDecision | None:
    """The newest decision on this window, of one policy or any."""
    query = select(_table.c.body, _table.c.candidate, _table.c.verdict).where(
        _table.c.model == model, _table.c.window_start == window.start, _table.c.window_end == window.end
    )
    if policy is not None:
        query = query.where(_table.c.policy == policy)
    row = conn.execute(query.order_by(_table.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _stored(row)


def set_outcome(
    conn: Connection, model: str, window: Window, candidate: str | None, verdict: Verdict | None, policy: str | None = None
) -> None:  # fmt: skip
    """Note what became of the decisions on this window, of one policy or all."""
    change = update(_table).where(_table.c.model == model, _table.c.window_start == window.start, _table.c.window_end == window.end)
    if policy is not None:
        change = change.where(_table.c.policy == policy)
    conn.execute(change.values(candidate=candidate, verdict=None if verdict is None else encode(verdict)))


def all(conn: Connection, model: str, last: int | None = None) -> list[StoredDecision]:  # noqa: A001 (read as decisions.all)
    """The last so many decisions (None = all), newest first."""
    query = (
        select(_table.c.body, _table.c.candidate, _table.c.verdict)
        .where(_table.c.model == model)
        .order_by(_table.c.window_end.desc(), _table.c.id.desc())
        .limit(last)
    )
    return [_stored(row) for row in conn.execute(query)]


def _stored(row: Row[bytes, str | None, bytes | None]) -> StoredDecision:
    body, candidate, verdict = row
    return StoredDecision(
        decision=decode(body, Decision), candidate=candidate, verdict=None if verdict is None else decode(verdict, Verdict)
    )  # fmt: skip
