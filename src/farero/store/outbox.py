"""Messages on their way out, written in the same transaction as what they tell, so that neither exists without the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from sqlalchemy import Connection, RowMapping, select, update

from farero.core.finding import SEVERITIES, Severity
from farero.ports import Message
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import insert_once

_table = tables.outbox

DeliveryStatus: TypeAlias = Literal["waiting", "delivered", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for one channel. `attempts` counts claims; `due_at` is when it may be tried (again)."""

    id: int
    channel: str
    message: Message
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    finished_at: datetime | None = None
    error: str | None = None


def put(conn: Connection, channel: str, message: Message) -> bool:
    """Queue a message for a channel; False, and nothing changes, where that channel has had it already."""
    row = {
        "channel": channel,
        "message_id": message.id,
        "message": encode(message),
        "status": "waiting",
        "attempts": 0,
        "due_at": message.at,
    }
    return insert_once(conn, _table, row)


def announce(conn: Connection, channels: Mapping[str, Severity], message: Message, severity: Severity) -> None:
    """Queue a message for every channel that takes this severity.

    Args:
        channels: name -> least severity that is sent there.
    """
    for channel, least in channels.items():
        if SEVERITIES.index(severity) >= SEVERITIES.index(least):
            put(conn, channel, message)


def claim(conn: Connection, now: datetime, lease_s: float, limit: int) -> list[Delivery]:
    """Take what is due, oldest first. Nobody else gets it until the lease ends; whoever dies with it loses nothing."""
    due = select(_table.c.id).where(_table.c.status == "waiting", _table.c.due_at <= now).order_by(_table.c.id).limit(limit)
    taken = (
        update(_table)
        .where(_table.c.id.in_(due.scalar_subquery()), _table.c.status == "waiting", _table.c.due_at <= now)
        .values(due_at=now + timedelta(seconds=lease_s), attempts=_table.c.attempts + 1)
        .returning(*_table.c)
    )
    return sorted((_delivery(row) for row in conn.execute(taken).mappings()), key=lambda delivery: delivery.id)


def delivered(conn: Connection, id: int, at: datetime) -> None:
    """It has arrived."""
    conn.execute(update(_table).where(_table.c.id == id).values(status="delivered", finished_at=at, error=None))


def failed(conn: Connection, id: int, at: datetime, error: str, retry_at: datetime | None) -> None:
    """It has not arrived: try again at `retry_at`, or give it up. One that another process delivered meanwhile stays delivered."""
    waiting = update(_table).where(_table.c.id == id, _table.c.status == "waiting")
    if retry_at is None:
        conn.execute(waiting.values(status="failed", finished_at=at, error=error))
    else:
        conn.execute(waiting.values(due_at=retry_at, error=error))


def all(conn: Connection, last: int | None = None) -> list[Delivery]:  # noqa: A001 (read as outbox.all)
    """The last so many deliveries (None = all), newest first."""
    return [_delivery(row) for row in conn.execute(select(_table).order_by(_table.c.id.desc()).limit(last)).mappings()]


def _delivery(found: RowMapping) -> Delivery:
    return Delivery(
        id=found["id"],
        channel=found["channel"],
        message=decode(found["message"], Message),
        status=found["status"],
        attempts=found["attempts"],
        due_at=found["due_at"],
        finished_at=found["finished_at"],
        error=found["error"],
    )
