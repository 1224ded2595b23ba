"""Which files of a Delta table hold the rows that are wanted, and these rows in order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from farero.core.record_table import ORDER, TYPES, conform, in_order, stored_name

Choice: TypeAlias = Callable[[pa.Table], pa.Table]


def types_of(handle: DeltaTable) -> dict[str, pa.DataType]:
    return {field.name: field.type for field in pa.schema(handle.schema().to_arrow())}


def files_of(handle: DeltaTable) -> pa.Table:
    """A row for each file of the table: path, partition.date, num_records, and the smallest and largest of each column.

    `DeltaTable.file_uris` would quote a space in the folder's name, and give files that are not there.
    """
    return pa.table(handle.get_add_actions(flatten=True))


def of_days(first: date | None, last: date | None) -> Choice:
    """Files of the partitions first <= date <= last."""

    def choose(files: pa.Table) -> pa.Table:
        if first is not None:
            files = files.filter(pc.field("partition.date") >= first)
        return files if last is None else files.filter(pc.field("partition.date") <= last)

    return choose


def with_requests(wanted: Sequence[str]) -> Choice:
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


def between(start: datetime | None, end: datetime | None) -> ds.Expression | None:
    if start is None:
        return None if end is None else pc.field("time") < _moment(end)
    return pc.field("time") >= _moment(start) if end is None else (pc.field("time") >= _moment(start)) & (pc.field("time") < _moment(end))


def _moment(time: datetime) -> pa.Scalar:
    return pa.scalar(time, TYPES["date"])


def day_of(time: datetime | None) -> date | None:
    return None if time is None else time.astimezone(UTC).date()


def rows_of(files: Sequence[Path], types: Mapping[str, pa.DataType], schema: pa.Schema, condition: ds.Expression | None) -> pa.Table:
    """The rows of these files that fit, in order, with exactly the columns of the schema."""
    in_files = pa.schema([pa.field(name, kind) for name, kind in types.items() if name != "date"])  # the partition is not in the file
    dataset = ds.dataset([str(file) for file in files], schema=in_files, format="parquet")
    names = [stored_name(field, types) for field in schema if field.name != "date"]
    found = dataset.to_table(columns=list(dict.fromkeys([*ORDER, *(name for name in names if name is not None)])), filter=condition)
    found = in_order(found)
    if "date" in schema.names:
        found = found.append_column("date", found["time"].cast(pa.timestamp("us")).cast(pa.date32()))
    return conform(found, schema)
