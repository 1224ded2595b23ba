"""What people said of versions before they may serve; nothing is ever taken back, a later word counts more."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from farero.core.approval import Approval
from farero.store import tables

_table = tables.approvals


def add(conn: Connection, said: Approval) -> Approval:
    """Store a word."""
    row = {
        "model": said.model, "number": said.number, "by": said.by, "role": said.role, "approved": said.approved, "at": said.at,
        "because": said.because,
    }  # fmt: skip
    conn.execute(insert(_table), row)
    return said


def of(conn: Connection, model: str, number: str) -> tuple[Approval, ...]:
    """Everything that was said of a version, oldest first."""
    query = select(_table).where(_table.c.model == model, _table.c.number == number).order_by(_table.c.id)
    return tuple(
        Approval(
            model=row.model, number=row.number, by=row.by, role=row.role, approved=row.approved, at=row.at, because=row.because
        )
        for row in conn.execute(query)
    )  # fmt: skip
