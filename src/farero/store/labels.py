"""Labels by the prediction that they belong to, and those that wait for theirs.

This is the one table with as many rows as predictions, so it is written and read in bulk through the driver.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from farero.core.label import LabelColumns, LabelRow
from farero.store import tables
from farero.store.moments import from_us, to_us

_table = tables.labels
_waiting = tables.waiting_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLabel:
    """The encoded label of one predicted row. `known_at`: when the truth was known; `received_at`: when it came here."""

    request_id: str
    row: int
    value: float
    predicted_at: datetime
    known_at: datetime
    received_at: datetime
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutResult:
    """What became of each label, by its position: stored, there already, or another than the (kept) value that is there."""

    stored: list[int]
    duplicates: list[int]
    contradictions: list[tuple[int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLabel:
    """A label whose prediction is not known yet; `label.raw` is its encoded value."""

    id: int
    label: LabelRow
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCounts:
    """How many labels belong to a prediction, and how many wait for one."""

    stored: int
    waiting: int


def put(conn: Connection, model: str, rows: Sequence[StoredLabel]) -> PutResult:
    """Store each label unless its row has one: the first one stays, whatever comes later.

    Raises:
        ValueError: a value is NaN or infinite, which no encoded label is.
    """
    known = _values(conn, model, {row.request_id for row in rows})
    stored: list[int] = []
    duplicates: list[int] = []
    contradictions: list[tuple[int, float]] = []
    fresh: list[tuple[object, ...]] = []
    for position, row in enumerate(rows):
        if not math.isfinite(row.value):
            raise ValueError(f"label {position} is {row.value}: leave missing labels out")
        place = (row.request_id, row.row)
        before = known.get(place)
        if before is None:
            known[place] = row.value
            stored.append(position)
            known_at, received_at = to_us(row.known_at), to_us(row.received_at)
            usable_at = max(known_at, received_at)
            fresh.append((model, row.request_id, row.row, row.value, to_us(row.predicted_at), known_at, received_at, usable_at, row.key))
        elif before == row.value:
            duplicates.append(position)
        else:
            contradictions.append((position, before))
    if fresh:
        marks = ", ".join([_mark(conn)] * 9)
        conn.exec_driver_sql(
            'INSERT INTO farero_labels (model, request_id, "row", value, predicted_at, known_at, received_at, usable_at, "key") '
            f"VALUES ({marks})",
            fresh,
        )
    return PutResult(stored=stored, duplicates=duplicates, contradictions=contradictions)


def between(conn: Connection, model: str, start: datetime | None, end: datetime, known_by: datetime) -> LabelColumns:
    """Labels of predictions with start <= predicted_at < end that were known by then (known_at <= known_by). No start = from the first."""
    mark = _mark(conn)
    found = conn.exec_driver_sql(
        'SELECT request_id, "row", value, predicted_at, known_at FROM farero_labels '
        f"WHERE model = {mark} AND predicted_at >= {mark} AND predicted_at < {mark} AND known_at <= {mark} "
        'ORDER BY predicted_at, request_id, "row"',
        (model, _EARLIEST if start is None else to_us(start), to_us(end), to_us(known_by)),
    )
    cursor = found.cursor  # rows as the driver gives them: 300,000 wrapped ones would cost a second
    columns: list[Sequence[object]] = [list(column) for column in zip(*cursor.fetchall(), strict=True)] if cursor is not None else []
    found.close()
    request_ids, numbers, values, predicted, known = columns or ([], [], [], [], [])
    return LabelColumns(request_ids=request_ids, rows=numbers, values=values, predicted_us=predicted, known_us=known)  # type: ignore[arg-type]


def earliest_touched(conn: Connection, model: str, since: datetime) -> datetime | None:
    """When the earliest prediction was made whose label came in, or came to be known, at `since` or later; None where there is none."""
    query = select(func.min(_table.c.predicted_at)).where(_table.c.model == model, _table.c.usable_at >= to_us(since))
    earliest = conn.execute(query).scalar_one()
    return None if earliest is None else from_us(earliest)


def count_known(conn: Connection, model: str, *, since: datetime | None, known_by: datetime, learnt_at: datetime | None = None) -> int:
    """How many labels of predictions made at `since` or later were known by then.

    Args:
        learnt_at: labels of earlier predictions count as well, if they came only after this moment; None = they do not.
    """
    by = to_us(known_by)
    query = select(func.count()).where(_table.c.model == model, _table.c.known_at <= by)
    if since is None:
        return conn.execute(query).scalar_one()
    found = conn.execute(query.where(_table.c.predicted_at >= to_us(since))).scalar_one()
    if learnt_at is not None:
        late = query.where(_table.c.usable_at > to_us(learnt_at), _table.c.predicted_at < to_us(since), _table.c.usable_at <= by)
        found += conn.execute(late).scalar_one()
    return found


def counts(conn: Connection, model: str) -> LabelCounts:
    """How many labels there are."""
    return LabelCounts(
        stored=conn.execute(select(func.count()).where(_table.c.model == model)).scalar_one(),
        waiting=conn.execute(select(func.count()).where(_waiting.c.model == model)).scalar_one(),
    )


def wait(conn: Connection, model: str, rows: Sequence[LabelRow], received_at: datetime) -> int:
    """Keep labels, already encoded, whose prediction is not known yet; how many were not waiting before."""
    before = counts(conn, model).waiting
    values = [
        (
            model, row.request_id or "", row.row, row.key or "", -1 if row.time is None else to_us(row.time), float(str(row.raw)),
            to_us(row.known_at), to_us(received_at),
        )
        for row in rows
    ]  # fmt: skip
    if values:
        marks = ", ".join([_mark(conn)] * 8)
        conn.exec_driver_sql(
            'INSERT INTO farero_waiting_labels (model, request_id, "row", "key", "time", value, known_at, received_at) '
            f"VALUES ({marks}) ON CONFLICT DO NOTHING",
            values,
        )
    return counts(conn, model).waiting - before


def waiting(conn: Connection, model: str, limit: int | None = None) -> list[WaitingLabel]:
    """The labels that wait, in the order they came."""
    query = select(_waiting).where(_waiting.c.model == model).order_by(_waiting.c.id).limit(limit)
    return [
        WaitingLabel(
            id=row.id,
            label=LabelRow(
                raw=row.value,
                known_at=from_us(row.known_at),
                request_id=row.request_id or None,
                row=row.row,
                key=row.key or None,
                time=None if row.time == -1 else from_us(row.time),
            ),
            received_at=from_us(row.received_at),
        )
        for row in conn.execute(query)
    ]


def forget(conn: Connection, ids: Sequence[int]) -> None:
    """Drop waiting labels: they have found their prediction, or have waited long enough."""
    for first in range(0, len(ids), _CHUNK):
        conn.execute(delete(_waiting).where(_waiting.c.id.in_(ids[first : first + _CHUNK])))


_CHUNK = 500
_EARLIEST = -(2**62)


def _mark(conn: Connection) -> str:
    return "?" if conn.dialect.name == "sqlite" else "%s"


def _values(conn: Connection, model: str, request_ids: set[str]) -> dict[tuple[str, int], float]:
    """The labels that these requests have. One statement however many they are: both databases can join with a list."""
    if conn.dialect.name == "sqlite":
        sql = (
            'SELECT l.request_id, l."row", l.value FROM json_each(?) AS j '
            "CROSS JOIN farero_labels AS l ON l.model = ? AND l.request_id = j.value"
        )
        parameters: tuple[object, ...] = (json.dumps(list(request_ids)), model)
    else:
        sql = 'SELECT request_id, "row", value FROM farero_labels WHERE request_id = ANY(%s) AND model = %s'
        parameters = (list(request_ids), model)
    return {(request_id, row): value for request_id, row, value in conn.exec_driver_sql(sql, parameters)}
