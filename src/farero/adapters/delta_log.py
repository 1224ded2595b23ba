"""The prediction log as Delta tables, one folder a model, partitioned by date: Spark, DuckDB, Polars and pandas read them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from threading import RLock
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from farero.core.prediction import Record
from farero.core.record_table import ORDER, TYPES, conform, in_order, stored_name, table_schema, to_table
from farero.core.recorded import Recorded
from farero.errors import LogUnavailable
from farero.ports import LogShape

REOPEN_EVERY: Final = 50
"""Commits after which a handle is opened anew: through one that lives on, an append grew from 11 to 103 ms over 1,000."""

_DECORATION: Final = re.compile(r"\x1b\[[0-9;]*m|\u21b3")

COMPACT_ABOVE: Final = 200
"""Files above which an append is followed by a compaction."""

FILE_BYTES: Final = 32 << 20
"""What compaction aims at; larger files would be rewritten too often on their way there."""

VACUUM_HOURS: Final = 24
"""How long merged files stay for readers that listed them before."""

_CONFIGURATION: Final = {"delta.checkpointInterval": "50", "delta.logRetentionDuration": "interval 1 hours"}
_NO_SHAPE: Final = LogShape(inputs={})
_T = TypeVar("_T")
_Choice: TypeAlias = Callable[[pa.Table], pa.Table]


class DeltaLog:
    """Delta tables under a folder. Safe for threads, and for readers in other processes; appends of two processes take turns."""

    def __init__(self, folder: Path, models: Mapping[str, LogShape]) -> None:
        self._folder = folder
        self._shapes = models
        self._tables: dict[str, _Table] = {}
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
        """Merge small files, write a checkpoint, remove files that were merged a day ago."""
        self._table(model).compact()

    def path(self, model: str) -> Path:
        """The folder of a model's Delta table, for other readers."""
        # delta-rs reads `%2E` in a folder's name as a dot, so the quoting has a sign of its own.
        name = quote(model, safe="").replace("~", "%7E").replace("%", "~")
        return self._folder / (f"~2E{name[1:]}" if name.startswith(".") else name)

    def _table(self, model: str) -> _Table:
        with self._lock:
            if model not in self._tables:
                self._tables[model] = _Table(model, self.path(model), self._shapes.get(model, _NO_SHAPE))
            return self._tables[model]


class _Table:
    """One model's Delta table with its handle. The handle is brought up to date before every use, for others may have committed."""

    def __init__(self, model: str, path: Path, shape: LogShape) -> None:
        self._model = model
        self._path = path
        self._shape = shape
        self._schema = table_schema(shape.inputs, text_prediction=shape.text_prediction)
        self._handle: DeltaTable | None = None
        self._commits = 0
        self._lock = RLock()

    def append(self, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        with self._lock:
            self._outside("written", lambda: self._append(records, marks))
            self._commits += 1
            if self._commits % REOPEN_EVERY == 0:
                self._handle = None
                self._tidy()

    def mark(self, writer: str) -> int | None:
        with self._lock:
            return self._outside("read", lambda: _mark(self._current(), writer))

    def read(self, start: datetime | None, end: datetime | None, columns: Sequence[str] | None) -> pa.Table:
        schema = self._schema if columns is None else pa.schema([self._schema.field(name) for name in columns])
        return self._scan(schema, _of_days(_day(start), _day(end)), _between(start, end))

    def times(self, request_ids: Sequence[str]) -> pa.Table:
        wanted = sorted(set(request_ids))
        schema = pa.schema([self._schema.field(name) for name in ("request_id", "row", "time", "key")])
        return self._scan(schema, _with_requests(wanted), pc.field("request_id").isin(pa.array(wanted, pa.string())))

    def span(self) -> tuple[datetime, datetime, int] | None:
        with self._lock:
            handle = self._outside("read", self._current)
            files = None if handle is None else self._outside("read", lambda: _files(handle))
        if files is None or files.num_rows == 0:
            return None
        # The files' own statistics of `time` are cut to milliseconds.
        days = pc.min_max(files["partition.date"]).as_py()
        time = pa.schema([self._schema.field("time")])
        first, last = (self._scan(time, _of_days(day, day), None)["time"] for day in (days["min"], days["max"]))
        return first[0].as_py(), last[-1].as_py(), int(pc.sum(files["num_records"]).as_py())

    def compact(self) -> None:
        with self._lock:
            self._handle = None
            self._outside("compacted", self._compact)

    def _append(self, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        for attempt in range(3):
            handle = self._current() or self._create()
            stored = [_has(handle, writer, seq) for writer, seq in marks.items()]
            if marks and all(stored):
                return
            if any(stored):
                raise LogUnavailable(
                    f"Some of these records are in the log of {self._model} and some are not.", hint="Hand them over one by one."
                )
            rows = to_table(
                records, self._shape.inputs, text_prediction=self._shape.text_prediction, stored=_types(handle)
            )  # fmt: skip
            if rows.num_rows == 0 and not marks:
                return
            properties = CommitProperties(app_transactions=[Transaction(writer, seq) for writer, seq in marks.items()])
            try:
                # The handle that was asked for the marks is the one that commits: if another process stored them
                # in between, this commit conflicts. delta-rs alone would take a repeated transaction a second time.
                write_deltalake(handle, rows, mode="append", schema_mode="merge", commit_properties=properties)
                return
            except CommitFailedError:
                self._handle = None
                if attempt == 2:
                    raise
            except Exception:
                # What failed may have been the checkpoint after the commit.
                self._handle = None
                handle_after = self._current()
                if marks and handle_after is not None and all(_has(handle_after, writer, seq) for writer, seq in marks.items()):
                    return
                raise

    def _create(self) -> DeltaTable:
        self._path.mkdir(parents=True, exist_ok=True)
        # Columns of inputs come with the first rows, which know which names are free.
        every_log = table_schema({}, text_prediction=self._shape.text_prediction)
        try:
            DeltaTable.create(
                str(self._path), every_log, mode="ignore", partition_by=["date"], name=self._model, configuration=_CONFIGURATION
            )  # fmt: skip
        except CommitFailedError:  # another process was first
            pass
        self._handle = DeltaTable(str(self._path))
        return self._handle

    def _compact(self) -> None:
        handle = self._current()
        if handle is None:
            return
        handle.optimize.compact(target_size=FILE_BYTES)
        handle.vacuum(retention_hours=VACUUM_HOURS, dry_run=False, enforce_retention_duration=False, full=True)
        handle.create_checkpoint()
        handle.cleanup_metadata()
        self._handle = None

    def _tidy(self) -> None:
        """Compact when there are many files. The rows are in: a failure here is no failure of the append, and the next one tries again."""
        try:
            handle = self._outside("read", self._current)
            if handle is not None and _files(handle).num_rows > COMPACT_ABOVE:
                self.compact()
        except LogUnavailable:
            self._handle = None

    def _current(self) -> DeltaTable | None:
        """The handle at the newest version; None where there is no table yet."""
        if self._handle is None:
            try:
                self._handle = DeltaTable(str(self._path))
            except TableNotFoundError:
                return None
        else:
            self._handle.update_incremental()
        return self._handle

    def _scan(self, schema: pa.Schema, choose: _Choice, condition: ds.Expression | None) -> pa.Table:
        """The rows of the chosen files that fit, in order, with the columns of the schema."""
        try:
            return self._outside("read", lambda: self._scan_once(schema, choose, condition))
        except LogUnavailable as failure:
            if not isinstance(failure.__cause__, FileNotFoundError):
                raise
            # Merged a day ago and removed just now: the new list names the merged file.
            return self._outside("read", lambda: self._scan_once(schema, choose, condition))

    def _scan_once(self, schema: pa.Schema, choose: _Choice, condition: ds.Expression | None) -> pa.Table:
        with self._lock:
            handle = self._current()
            if handle is None:
                return schema.empty_table()
            paths = choose(_files(handle))["path"].to_pylist()
            types = _types(handle)
        if not paths:
            return schema.empty_table()
        return _rows([self._path / unquote(path) for path in paths], types, schema, condition)

    def _outside(self, done: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except Exception as error:
            # delta-rs raises a bare `Exception` for what it got from the libraries below it.
            if not isinstance(error, DeltaError | OSError | pa.ArrowException) and type(error) is not Exception:
                raise
            self._handle = None
            raise LogUnavailable(
                f"The prediction log of {self._model} cannot be {done}: {_plain(error)}.",
                hint="Recorded predictions wait in their segments; free disk space or mend the table's folder, and they follow.",
                model=self._model,
                path=str(self._path),
            ) from error


def _plain(error: BaseException) -> str:
    """Delta's message in one line, without its colours and arrows."""
    return " ".join(_DECORATION.sub(" ", str(error)).split())


def _mark(handle: DeltaTable | None, writer: str) -> int | None:
    return None if handle is None else handle.transaction_version(writer)


def _has(handle: DeltaTable | None, writer: str, seq: int) -> bool:
    stored = _mark(handle, writer)
    return stored is not None and stored >= seq


def _types(handle: DeltaTable) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in pa.schema(handle.schema().to_arrow())}


def _files(handle: DeltaTable) -> pa.Table:
    """A row for each file of the table: path, partition.date, num_records, and the smallest and largest of each column.

    `DeltaTable.file_uris` would quote a space in the folder's name, and give files that are not there.
    """
    return pa.table(handle.get_add_actions(flatten=True))


def _of_days(first: date | None, last: date | None) -> _Choice:
    """Files of the partitions first <= date <= last."""

    def choose(files: pa.Table) -> pa.Table:
        if first is not None:
            files = files.filter(pc.field("partition.date") >= first)
        return files if last is None else files.filter(pc.field("partition.date") <= last)

    return choose


def _with_requests(wanted: Sequence[str]) -> _Choice:
    """Files whose span of request ids holds one of these, which are in order. All but a few go where ids grow with time."""

    def holds(smallest: str | None, largest: str | None) -> bool:
        if smallest is None or largest is None:
            return True  # no statistics
        at = bisect_left(wanted, smallest)
        # Statistics may be cut short, so the upper end is compared as a prefix.
        return at < len(wanted) and wanted[at][: len(largest)] <= largest

    def choose(files: pa.Table) -> pa.Table:
        if "min.request_id" not in files.column_names:
            return files
        spans = zip(files["min.request_id"].to_pylist(), files["max.request_id"].to_pylist(), strict=True)
        return files.filter(pa.array([holds(smallest, largest) for smallest, largest in spans], pa.bool_()))

    return choose


def _between(start: datetime | None, end: datetime | None) -> ds.Expression | None:
    if start is None:
        return None if end is None else pc.field("time") < _moment(end)
    return pc.field("time") >= _moment(start) if end is None else (pc.field("time") >= _moment(start)) & (pc.field("time") < _moment(end))


def _moment(time: datetime) -> pa.Scalar:
    return pa.scalar(time, TYPES["date"])


def _day(time: datetime | None) -> date | None:
    return None if time is None else time.astimezone(UTC).date()


def _rows(files: Sequence[Path], types: Mapping[str, pa.DataType], schema: pa.Schema, condition: ds.Expression | None) -> pa.Table:
    """The rows of these files that fit, in order, with exactly the columns of the schema."""
    in_files = pa.schema([pa.field(name, kind) for name, kind in types.items() if name != "date"])  # the partition is not in the file
    dataset = ds.dataset([str(file) for file in files], schema=in_files, format="parquet")
    names = [stored_name(field, types) for field in schema if field.name != "date"]
    found = dataset.to_table(columns=list(dict.fromkeys([*ORDER, *(name for name in names if name is not None)])), filter=condition)
    found = in_order(found)
    if "date" in schema.names:
        found = found.append_column("date", found["time"].cast(pa.timestamp("us")).cast(pa.date32()))
    return conform(found, schema)
