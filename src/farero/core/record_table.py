"""Records as rows of a table: which columns a prediction log has, and how a changed declaration lives beside old rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from farero.core.prediction import Record
from farero.core.recorded import Recorded

TYPES: Final[Mapping[str, pa.DataType]] = {
    "number": pa.float64(),
    "text": pa.string(),
    "flag": pa.bool_(),
    "date": pa.timestamp("us", tz="UTC"),
}
"""Column type by log kind."""

ORDER: Final = ("time", "request_id", "row")
"""What rows are ordered by."""


def table_schema(inputs: Mapping[str, str], *, text_prediction: bool) -> pa.Schema:
    """The columns that a reader sees: those of every log, then one for every declared input."""
    return pa.schema(
        [
            pa.field("time", pa.timestamp("us", tz="UTC")),
            pa.field("date", pa.date32()),
            pa.field("request_id", pa.string()),
            pa.field("row", pa.int32()),
            pa.field("endpoint", pa.string()),
            pa.field("version", pa.string()),
            pa.field("key", pa.string()),
            pa.field("prediction", TYPES["text" if text_prediction else "number"]),
            pa.field("probability", pa.float64()),
            pa.field("latency_us", pa.int64()),
            pa.field("status", pa.string()),
            *(pa.field(f"input_{name}", TYPES[kind]) for name, kind in inputs.items()),
        ]
    )


def to_table(
    records: Sequence[Record] | Recorded, inputs: Mapping[str, str], *, text_prediction: bool,
    stored: Mapping[str, pa.DataType] | None = None,
) -> pa.Table:  # fmt: skip
    """The rows of all records.

    No value is ever lost or bent to fit: values of another type than their column (a feature that was a number and is
    a choice now; records of before the change) go to a column of their own, `input_zip__text` beside `input_zip`.

    Args:
        inputs: declared input -> kind. Inputs that are not declared are kept with the kind of their values.
        stored: columns that the log has already, with their types.
    """
    recorded = records if isinstance(records, Recorded) else Recorded.of(records)
    counts = np.asarray(recorded.counts, np.int64)
    single = recorded.rows == len(counts) and bool((counts == 1).all())
    request = np.repeat(np.arange(len(counts)), counts)

    def each_row(values: Sequence[object], kind: pa.DataType) -> pa.Array:
        array = pa.array(values, kind)
        return array if single else array.take(pa.array(request))

    moments = pa.array(recorded.time, TYPES["date"])
    first_row = np.cumsum(counts) - counts
    columns: dict[str, pa.Array] = {
        "time": moments,
        # In UTC: a date in local time would put a row into a partition where a reader of its day does not look.
        "date": moments.cast(pa.timestamp("us")).cast(pa.date32()),
        "request_id": each_row(recorded.request_id, pa.string()),
        "row": pa.array((np.arange(recorded.rows) - np.repeat(first_row, counts)).astype(np.int32)),
        "endpoint": each_row(recorded.endpoint, pa.string()),
        "version": each_row(recorded.version, pa.string()),
        "key": _keys(recorded.key),
    }
    columns |= _typed("prediction", recorded.prediction, "text" if text_prediction else "number", stored or {})
    seen = dict(stored or {})
    columns["probability"] = pa.array(recorded.probability, pa.float64())
    columns["latency_us"] = each_row(recorded.latency_us, pa.int64())
    columns["status"] = each_row(recorded.status, pa.string())
    for name in dict.fromkeys([*inputs, *recorded.inputs]):
        values = recorded.inputs.get(name) or [None] * recorded.rows
        typed = _typed(f"input_{name}", values, inputs.get(name), seen)
        columns |= typed
        seen |= {column: array.type for column, array in typed.items()}
    return pa.table(columns)


def stored_name(field: pa.Field, stored: Mapping[str, pa.DataType]) -> str | None:
    """Under which name a log with these columns holds this one; None where it holds no value of it."""
    beside = f"{field.name}__{_kind_of(field.type)}"
    for name in (field.name, beside):
        if stored.get(name) == field.type:
            return name
    return None


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly the columns of the schema; what it does not hold is null."""
    stored = {field.name: field.type for field in table.schema}
    columns = []
    for field in schema:
        name = stored_name(field, stored)
        columns.append(table[name] if name is not None else pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
    return pa.table(columns, schema=schema)


def in_order(table: pa.Table) -> pa.Table:
    """The rows ordered by (time, request_id, row)."""
    return table.sort_by([(name, "ascending") for name in ORDER])


def _keys(values: Sequence[object]) -> pa.Array:
    """Keys are text in the log, whatever type the project's own have."""
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([value if value is None else str(value) for value in values], pa.string())


def _typed(name: str, values: list[Any], kind: str | None, stored: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
    """One column, or one a kind of value where the values are not all of the declared kind."""
    if kind is not None:
        array = _array(values, kind)
        if array is not None:
            return {_name_for(name, array.type, stored): array}
    by_kind: dict[str, list[Any]] = {}
    for index, value in enumerate(values):
        if value is not None:
            actual = _kind_of_value(value)
            by_kind.setdefault(actual, [None] * len(values))[index] = value if actual != "text" else str(value)
    arrays = {each: _array(of_kind, each) for each, of_kind in by_kind.items()}
    # The declared kind comes first, so that a new log gives it the plain name.
    ordered = sorted(arrays.items(), key=lambda entry: (entry[0] != kind, entry[0]))
    columns: dict[str, pa.Array] = {}
    seen = dict(stored)
    for _, array in ordered:
        if array is not None:
            column = _name_for(name, array.type, seen)
            seen[column] = array.type
            columns[column] = array
    return columns


def _name_for(name: str, kind: pa.DataType, stored: Mapping[str, pa.DataType]) -> str:
    """The plain name, unless it holds another kind, or differs from another column's in upper and lower case only, which Delta refuses."""
    lower = name.lower()
    free = stored.get(name, kind) == kind and not any(other.lower() == lower and other != name for other in stored)
    return name if free else f"{name}__{_kind_of(kind)}"


def _array(values: list[Any], kind: str) -> pa.Array | None:
    """The values as a column of this kind, or None where they are not."""
    try:
        if kind == "date":
            return _dates(values)
        if kind == "number" and bool in set(map(type, values)):
            return None  # Arrow would make 1.0 of True
        return pa.array(values, TYPES[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if kind == "number" and all(value is None or isinstance(value, (int, float)) for value in values):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())  # whole numbers beyond 2**53
        return None


def _dates(values: list[Any]) -> pa.Array:
    if any(isinstance(value, datetime) for value in values):
        values = [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in values]
    return pa.array(values, pa.string()).cast(TYPES["date"])


def _kind_of(kind: pa.DataType) -> str:
    return next((name for name, each in TYPES.items() if each == kind), str(kind))


def _kind_of_value(value: object) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, (int, float)):
        return "number"
    return "date" if isinstance(value, datetime) else "text"
