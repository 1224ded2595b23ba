"""One model's Delta table: appends with the marks of the hand-over, and the upkeep that keeps its files few and its log short."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Final, TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from farero.adapters.delta_log import scan
from farero.adapters.delta_log.durable import force, force_checkpoint, mend, set_aside
from farero.adapters.delta_log.scan import Choice, between, day_of, files_of, of_days, types_of, with_requests
from farero.core.prediction import Record
from farero.core.record_table import table_schema, to_table
from farero.core.recorded import Recorded
from farero.errors import LogUnavailable
from farero.ports import LogShape

REOPEN_EVERY: Final = 50
"""Commits after which a handle is opened anew: through one that lives on, an append grew from 11 to 103 ms over 1,000."""

TIDY_EVERY: Final = 10
"""Appends after which it is asked whether files are to be merged."""

TIERS: Final = ((8 << 20, 8), (64 << 20, 8))
"""(bytes, files): more files than this of a day that are smaller than half of this are merged into files of about this size. Two
sizes, so that a large file is not written anew for every few small ones; few, so that a merge takes a second or two at 25,000 rows/s."""

VACUUM_HOURS: Final = 1
"""How long merged files stay for readers that listed them before."""

VACUUM_EVERY_S: Final = 600.0

_CONFIGURATION: Final = {
    "delta.checkpointInterval": "50",
    # A commit every two seconds leaves 1,800 entries an hour, and an append lists them all: 31 ms instead of 11.
    "delta.logRetentionDuration": "interval 10 minutes",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}
# The log's own order is: commit, disk, checkpoint, disk, clean up. delta-rs would do the last two before the disk has the first.
_BARE: Final = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_DECORATION: Final = re.compile(r"\x1b\[[0-9;]*m|\u21b3")
_T = TypeVar("_T")


class Table:
    """One model's Delta table with its handle. The handle is brought up to date before every use, for others may have committed."""

    def __init__(self, model: str, path: Path, shape: LogShape) -> None:
        self._model = model
        self._path = path
        self._shape = shape
        self._schema = table_schema(shape.inputs, text_prediction=shape.text_prediction)
        self._handle: DeltaTable | None = None
        self._commits = 0
        self._forced: int | None = None
        self._days: set[Path] = set()
        self._vacuumed = -VACUUM_EVERY_S
        self._lock = RLock()

    def append(self, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        with self._lock:
            self._outside("written", lambda: self._append(records, marks))
            self._commits += 1
            if self._commits % REOPEN_EVERY == 0:
                self._handle = None
            if self._commits % TIDY_EVERY == 0:
                self._tidy()

    def mark(self, writer: str) -> int | None:
        with self._lock:
            return self._outside("read", lambda: _mark(self._settled(), writer))

    def read(self, start: datetime | None, end: datetime | None, columns: Sequence[str] | None) -> pa.Table:
        schema = self._schema if columns is None else pa.schema([self._schema.field(name) for name in columns])
        return self._scan(schema, of_days(day_of(start), day_of(end)), between(start, end))

    def times(self, request_ids: Sequence[str]) -> pa.Table:
        wanted = sorted(set(request_ids))
        schema = pa.schema([self._schema.field(name) for name in ("request_id", "row", "time", "key")])
        return self._scan(schema, with_requests(wanted), pc.field("request_id").isin(pa.array(wanted, pa.string())))

    def span(self) -> tuple[datetime, datetime, int] | None:
        with self._lock:
            handle = self._outside("read", self._current)
            files = None if handle is None else self._outside("read", lambda: files_of(handle))
        if files is None or files.num_rows == 0:
            return None
        # The files' own statistics of `time` are cut to milliseconds.
        days = pc.min_max(files["partition.date"]).as_py()
        time = pa.schema([self._schema.field("time")])
        first, last = (self._scan(time, of_days(day, day), None)["time"] for day in (days["min"], days["max"]))
        return first[0].as_py(), last[-1].as_py(), int(pc.sum(files["num_records"]).as_py())

    def compact(self) -> None:
        with self._lock:
            self._handle = None
            self._outside("compacted", self._compact)

    def _append(self, records: Sequence[Record] | Recorded, marks: Mapping[str, int]) -> None:
        for attempt in range(3):
            handle = self._settled() or self._create()
            stored = [_has(handle, writer, seq) for writer, seq in marks.items()]
            if marks and all(stored):
                return
            if any(stored):
                raise LogUnavailable(
                    f"Some of these records are in the log of {self._model} and some are not.", hint="Hand them over one by one."
                )
            rows = to_table(
                records, self._shape.inputs, text_prediction=self._shape.text_prediction, stored=types_of(handle)
            )  # fmt: skip
            if rows.num_rows == 0 and not marks:
                return
            properties = CommitProperties(app_transactions=[Transaction(writer, seq) for writer, seq in marks.items()])
            try:
                # The handle that was asked for the marks is the one that commits: if another process stored them
                # in between, this commit conflicts. delta-rs alone would take a repeated transaction a second time.
                write_deltalake(
                    handle, rows, mode="append", schema_mode="merge", commit_properties=properties, post_commithook_properties=_BARE
                )  # fmt: skip
                self._force(handle)
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

    def _force(self, handle: DeltaTable) -> None:
        """Have the disk know what was committed, before the next commit, and before segments go.

        Where the disk refuses, the commits are taken back: their pages may be lost, though a second try would look like a success.
        """
        version = handle.version()
        if self._forced is not None and version <= self._forced:
            return
        try:
            force(self._path, self._forced, version, self._days)
        except OSError:
            if self._forced is not None:
                for each in range(version, self._forced, -1):
                    set_aside(self._path, each)
            self._handle = None
            raise
        self._forced = version

    def _settled(self) -> DeltaTable | None:
        """The handle at the newest version, which the disk has: a process that died between its commit and the disk left that to us."""
        if self._forced is None:
            mend(self._path)
        handle = self._current()
        if handle is not None:
            self._force(handle)
        return handle

    def _compact(self) -> None:
        if self._current() is None:
            return
        with _alone(self._path, wait=True):
            handle = self._settled()
            if handle is not None:
                handle.optimize.compact(target_size=TIERS[-1][0], post_commithook_properties=_BARE)
                self._force(handle)
                self._vacuum(handle)
                self._checkpoint(handle)
        self._handle = None

    def _tidy(self) -> None:
        """Merge small files where there are many, and keep the table's own log short.

        The rows are in: a failure here is no failure of the append, and the next one tries again.
        """
        try:
            self._outside("compacted", self._tidy_up)
        except LogUnavailable:
            self._handle = None

    def _tidy_up(self) -> None:
        with _alone(self._path, wait=False) as alone:
            handle = self._settled() if alone else None
            if handle is None:
                return
            merged = False
            for target, most in TIERS:
                for day in _crowded(files_of(handle), target // 2, most):
                    handle.optimize.compact([("date", "=", day.isoformat())], target_size=target, post_commithook_properties=_BARE)
                    self._force(handle)
                    merged = True
            if merged and monotonic() - self._vacuumed >= VACUUM_EVERY_S:
                self._vacuum(handle)
            if merged or self._commits % REOPEN_EVERY == 0:
                self._checkpoint(handle)
                self._handle = None

    def _vacuum(self, handle: DeltaTable) -> None:
        """Remove files that were merged long ago, and those that a killed process wrote and never committed."""
        handle.vacuum(
            retention_hours=VACUUM_HOURS, dry_run=False, enforce_retention_duration=False, full=True, post_commithook_properties=_BARE
        )
        self._vacuumed = monotonic()
        self._force(handle)

    def _checkpoint(self, handle: DeltaTable) -> None:
        if not _CONFIGURATION.items() <= handle.metadata().configuration.items():  # a table of an earlier release
            handle.alter.set_table_properties(dict(_CONFIGURATION))
            self._force(handle)
        handle.create_checkpoint()
        force_checkpoint(self._path)
        handle.cleanup_metadata()

    def _current(self) -> DeltaTable | None:
        """The handle at the newest version; None where there is no table yet."""
        if self._handle is None:
            try:
                self._handle = DeltaTable(str(self._path))
            except TableNotFoundError:
                return None
        else:
            try:
                self._handle.update_incremental()
            except (DeltaError, OSError):  # the entries after this handle's version are cleaned up already
                self._handle = DeltaTable(str(self._path))
        return self._handle

    def _scan(self, schema: pa.Schema, choose: Choice, condition: ds.Expression | None) -> pa.Table:
        """The rows of the chosen files that fit, in order, with the columns of the schema."""
        try:
            return self._outside("read", lambda: self._scan_once(schema, choose, condition))
        except LogUnavailable as failure:
            if not isinstance(failure.__cause__, FileNotFoundError):
                raise
            # Merged a day ago and removed just now: the new list names the merged file.
            return self._outside("read", lambda: self._scan_once(schema, choose, condition))

    def _scan_once(self, schema: pa.Schema, choose: Choice, condition: ds.Expression | None) -> pa.Table:
        with self._lock:
            handle = self._current()
            if handle is None:
                return schema.empty_table()
            paths = choose(files_of(handle))["path"].to_pylist()
            types = types_of(handle)
        if not paths:
            return schema.empty_table()
        return scan.rows_of([self._path / unquote(path) for path in paths], types, schema, condition)

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


@contextmanager
def _alone(table: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process alone merges now: delta-rs sees no conflict between two merges of the same files, and doubled all their rows."""
    fd = os.open(table / "_delta_log", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)


def _crowded(files: pa.Table, below_bytes: int, most: int) -> list[date]:
    """Days with more than so many files that are smaller than this."""
    small = files.filter(pc.field("size_bytes") < below_bytes)
    counts = small.group_by("partition.date").aggregate([("path", "count")])
    return sorted(counts.filter(pc.field("path_count") > most)["partition.date"].to_pylist())
