"""Incidents with their timelines."""

from __future__ import annotations

from sqlalchemy import Connection, select

from farero.core.incident import Incident
from farero.errors import IncidentNotFound
from farero.store import tables
from farero.store.codec import decode, encode
from farero.store.upsert import upsert

_table = tables.incidents


def save(conn: Connection, incident: Incident) -> None:
    """Store the incident as it is now. Read it in the same transaction, or somebody's note may be lost."""
    row = {
        "id": incident.id,
        "model": incident.model,
        "kind": incident.kind,
        "severity": incident.severity,
        "opened": incident.opened,
        "resolved": incident.resolved,
        "body": encode(incident),
    }
    upsert(conn, _table, row, replace=("severity", "resolved", "body"))


def open(conn: Connection, model: str | None = None) -> list[Incident]:  # noqa: A001 (read as incidents.open)
    """Incidents that are not resolved, of one model or all, oldest first."""
    query = select(_table.c.body).where(_table.c.resolved.is_(None)).order_by(_table.c.opened, _table.c.id)
    if model is not None:
        query = query.where(_table.c.model == model)
    return [decode(body, Incident) for body in conn.execute(query).scalars()]


def get(conn: Connection, id: str) -> Incident:
    """One incident.

    Raises:
        IncidentNotFound: there is none with that id.
    """
    body = conn.execute(select(_table.c.body).where(_table.c.id == id)).scalar_one_or_none()
    if body is None:
        raise IncidentNotFound(f"There is no incident {id!r}.", hint="See them with: farero incidents.", id=id)
    return decode(body, Incident)


def all(conn: Connection, model: str | None = None, last: int | None = None) -> list[Incident]:  # noqa: A001 (read as incidents.all)
    """The last so many incidents (None = all), newest first."""
    query = select(_table.c.body).order_by(_table.c.opened.desc(), _table.c.id.desc()).limit(last)
    if model is not None:
        query = query.where(_table.c.model == model)
    return [decode(body, Incident) for body in conn.execute(query).scalars()]
