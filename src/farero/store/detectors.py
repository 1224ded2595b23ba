"""What each detector of a version knows after the last window: its baseline, and its evidence, as bytes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from farero.store import tables
from farero.store.upsert import upsert

_table = tables.detectors


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDetector:
    """One detector: what it compares with, and what it knows."""

    baseline: bytes
    watch: bytes


def put(conn: Connection, model: str, version: str, name: str, detector: StoredDetector) -> None:
    """Store one detector of a version, over what it knew before."""
    row = {"model": model, "version": version, "name": name, "baseline": detector.baseline, "watch": detector.watch}
    upsert(conn, _table, row, replace=("baseline", "watch"))


def put_watch(conn: Connection, model: str, version: str, name: str, watch: bytes) -> None:
    """Store what a detector knows now; its baseline stays."""
    of_one = (_table.c.model == model) & (_table.c.version == version) & (_table.c.name == name)
    conn.execute(_table.update().where(of_one).values(watch=watch))


def get(conn: Connection, model: str, version: str, name: str) -> StoredDetector | None:
    """One detector of a version, or None before its first window."""
    query = select(_table.c.baseline, _table.c.watch).where(
        _table.c.model == model, _table.c.version == version, _table.c.name == name
    )  # fmt: skip
    row = conn.execute(query).first()
    return None if row is None else StoredDetector(baseline=row[0], watch=row[1])


def watch(conn: Connection, model: str, version: str, name: str) -> bytes | None:
    """What a detector knows, without its baseline; None before its first window."""
    query = select(_table.c.watch).where(_table.c.model == model, _table.c.version == version, _table.c.name == name)
    return conn.execute(query).scalar_one_or_none()
