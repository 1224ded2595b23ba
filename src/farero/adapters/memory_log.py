"""A prediction log in memory: the fake of the tests, and the log of a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from threading import RLock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farero.core.prediction import Record
from farero.core.record_table import conform, in_order, table_schema, to_table
from farero.core.recorded import Recorded
from farero.errors import LogUnavailable
from farero.ports import LogShape

_NO_SHAPE = LogShape(inputs={})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """Rows that came in together, in order, with the span of their times."""

    first: datetime
    last: datetime
    table: pa.Table


@dataclass(slots=True, kw_only=True)
class _Table:
    """One model's rows. Records wait unconverted until somebody reads: many small appends make one chunk."""

    marks: dict[str, int] = field(default_factory=dict)
    waiting: Recorded = field(default_factory=Recorded)
    chunks: list[_Chunk] = field(default_factory=list)
    types: dict[str, pa.DataType] = field(default_factory=dict)
    chunks_of_request: dict[str, list[int]] = field(default_factory=dict)


class MemoryLog:
    """Keeps the promises of `PredictionLog` without a disk. Rows are kept by arrival, so a reader of one day touches that day only."""

    def __init__(self, models: Mapping[str, LogShape] | None = None) -> None:
        self._shapes = models or {}
        self._tables: dict[str, _Table] = {}
        self._lock = RLock()

    def append(self, model: str, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        """Add the rows and the marks together, unless the marks are there."""
        with self._lock:
            table = self._tables.setdefault(model, _Table())
            stored = [table.marks.get(writer, -1) >= seq for writer, seq in marks.items()]
            if marks and all(stored):
                return
            if any(stored):
                raise LogUnavailable(
                    f"Some of these records are in the log of {model} and some are not.", hint="Hand them over one by one."
                )
            table.waiting.extend(records if isinstance(records, Recorded) else Recorded.of(records))
            table.marks.update(marks)

    def mark(self, model: str, writer: str) -> int | None:
        """The highest sequence number of this writer."""
        with self._lock:
            return self._tables[model].marks.get(writer) if model in self._tables else None

    def read(
        self, model: str, start: datetime | None = None, end: datetime | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Rows with start <= time < end in order."""
        schema = self._schema(model, columns)
        found = [
            conform(_within(chunk, start, end), schema)
            for chunk in self._chunks(model)
            if (start is None or chunk.last >= start) and (end is None or chunk.first < end)
        ]
        if not found:
            return schema.empty_table()
        return pa.concat_tables(found)

    def times(self, model: str, request_ids: Sequence[str]) -> pa.Table:
        """Where the rows of these requests are in time."""
        schema = self._schema(model, ("request_id", "row", "time", "key"))
        with self._lock:
            chunks = self._arrived(model)
            index = self._tables[model].chunks_of_request if model in self._tables else {}
            touched = sorted({at for request_id in request_ids for at in index.get(request_id, ())})
        wanted = pa.array(list(request_ids), pa.string())
        found = [chunks[at].table.filter(pc.is_in(chunks[at].table["request_id"], value_set=wanted)) for at in touched]
        return pa.concat_tables([conform(table, schema) for table in found]) if found else schema.empty_table()

    def span(self, model: str) -> tuple[datetime, datetime, int] | None:
        """Earliest and latest time, and the number of rows."""
        with self._lock:
            chunks = self._arrived(model)
        if not chunks:
            return None
        rows = sum(chunk.table.num_rows for chunk in chunks)
        return min(chunk.first for chunk in chunks), max(chunk.last for chunk in chunks), rows

    def compact(self, model: str) -> None:
        """Nothing to merge."""

    def _schema(self, model: str, columns: Sequence[str] | None) -> pa.Schema:
        shape = self._shapes.get(model, _NO_SHAPE)
        schema = table_schema(shape.inputs, text_prediction=shape.text_prediction)
        return schema if columns is None else pa.schema([schema.field(name) for name in columns])

    def _chunks(self, model: str) -> list[_Chunk]:
        """Chunks whose spans follow one another without overlap: rows in order are then their concatenation."""
        with self._lock:
            chunks = sorted(self._arrived(model), key=lambda chunk: chunk.first)
        if all(before.last < after.first for before, after in pairwise(chunks)):
            return chunks
        merged: list[_Chunk] = []
        for chunk in chunks:
            if merged and chunk.first <= merged[-1].last:
                both = pa.concat_tables([merged[-1].table, chunk.table], promote_options="default")
                merged[-1] = _Chunk(first=merged[-1].first, last=max(merged[-1].last, chunk.last), table=in_order(both))
            else:
                merged.append(chunk)
        return merged

    def _arrived(self, model: str) -> list[_Chunk]:
        """All chunks in order of arrival, waiting records included. Call under the lock."""
        if model not in self._tables:
            return []
        table = self._tables[model]
        if table.waiting.counts:
            shape = self._shapes.get(model, _NO_SHAPE)
            rows = to_table(table.waiting, shape.inputs, text_prediction=shape.text_prediction, stored=table.types)
            if rows.num_rows:
                times = rows["time"].to_numpy()
                if bool(np.any(times[1:] <= times[:-1])):
                    rows = in_order(rows)
                table.types |= {each.name: each.type for each in rows.schema}
                for request_id in set(table.waiting.request_id):
                    table.chunks_of_request.setdefault(request_id, []).append(len(table.chunks))
                table.chunks.append(_Chunk(first=rows["time"][0].as_py(), last=rows["time"][-1].as_py(), table=rows))
            table.waiting = Recorded()
        return list(table.chunks)


def _within(chunk: _Chunk, start: datetime | None, end: datetime | None) -> pa.Table:
    """The chunk's rows of the span: a slice, because its times are in order."""
    if (start is None or start <= chunk.first) and (end is None or end > chunk.last):
        return chunk.table
    times = chunk.table["time"].cast(pa.int64()).to_numpy()
    first = 0 if start is None else int(np.searchsorted(times, _microseconds(start)))
    past = len(times) if end is None else int(np.searchsorted(times, _microseconds(end)))
    return chunk.table.slice(first, max(0, past - first))


def _microseconds(time: datetime) -> int:
    value: int = pa.scalar(time, pa.timestamp("us", tz="UTC")).value
    return value
