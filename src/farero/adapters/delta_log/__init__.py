"""The prediction log as Delta tables, one folder a model, partitioned by date: Spark, DuckDB, Polars and pandas read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Final
from urllib.parse import quote

import pyarrow as pa

from farero.adapters.delta_log.table import Table
from farero.core.prediction import Record
from farero.core.recorded import Recorded
from farero.ports import LogShape

_NO_SHAPE: Final = LogShape(inputs={})


class DeltaLog:
    """Delta tables under a folder. Safe for threads, and for readers in other processes; appends of two processes take turns."""

    def __init__(self, folder: Path, models: Mapping[str, LogShape]) -> None:
        self._folder = folder
        self._shapes = models
        self._tables: dict[str, Table] = {}
        self._lock = RLock()

    def append(self, model: str, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        """Add the rows and the marks in one Delta transaction, unless the marks are there."""
        self._table(model).append(records, marks)

    def mark(self, model: str, writer: str) -> int | None:
        """The version of the writer's application transaction."""
        return self._table(model).mark(writer)

    def read(
        self, model: str, start: datetime | None = None, end: datetime | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Rows with start <= time < end in order; only the partitions of these days are opened."""
        return self._table(model).read(start, end, columns)

    def times(self, model: str, request_ids: Sequence[str]) -> pa.Table:
        """Where the rows of these requests are in time; files whose smallest and largest id exclude them all are not opened."""
        return self._table(model).times(request_ids)

    def span(self, model: str) -> tuple[datetime, datetime, int] | None:
        """Earliest and latest time, and the number of rows; opens the files of the first and the last day."""
        return self._table(model).span()

    def compact(self, model: str) -> None:
        """Merge small files, write a checkpoint, remove files that were merged long ago."""
        self._table(model).compact()

    def path(self, model: str) -> Path:
        """The folder of a model's Delta table, for other readers."""
        # delta-rs reads `%2E` in a folder's name as a dot, so the quoting has a sign of its own.
        name = quote(model, safe="").replace("~", "%7E").replace("%", "~")
        return self._folder / (f"~2E{name[1:]}" if name.startswith(".") else name)

    def _table(self, model: str) -> Table:
        with self._lock:
            if model not in self._tables:
                self._tables[model] = Table(model, self.path(model), self._shapes.get(model, _NO_SHAPE))
            return self._tables[model]
