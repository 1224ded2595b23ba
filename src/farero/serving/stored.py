"""From stored rows back to arrays: log tables and label columns become what `core` computes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farero.core.arrow_columns import absent
from farero.core.label import LabelColumns, LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import MISSING_CODE, NEW_CODE, Columns, Field, Schema
from farero.core.window import EPOCH, Window, WindowSize


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """n rows with a known label, in time order.

    Attributes:
        times: (n,) datetime64[us] of the prediction.
        known: (n,) datetime64[us] when the label became known.
        labels: (n,) float64, encoded.
        versions: (n,) version numbers that answered, or empty for rows that were never predicted here.
        outputs: the answers given, where there are any.
    """

    columns: Columns
    times: NDArray[np.datetime64]
    known: NDArray[np.datetime64]
    labels: NDArray[np.float64]
    versions: NDArray[np.str_]
    outputs: Outputs | None = None

    @property
    def count(self) -> int:
        return int(self.labels.size)

    @property
    def days(self) -> NDArray[np.int64]:
        """(n,) a number for the day of each row."""
        return window_numbers(self.times, timedelta(days=1))

    def where(self, mask: NDArray[np.bool_] | NDArray[np.intp]) -> Labelled:
        """The rows that the mask picks, or the rows in the order of an index."""
        return Labelled(
            columns={name: values[mask] for name, values in self.columns.items()},
            times=self.times[mask],
            known=self.known[mask],
            labels=self.labels[mask],
            versions=self.versions[mask] if self.versions.size else self.versions,
            outputs=pick(self.outputs, mask) if self.outputs is not None else None,
        )


def moment(time: datetime) -> np.datetime64:
    """An aware time as numpy keeps it: microseconds, UTC, naive."""
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")


def aware(time: np.datetime64) -> datetime:
    """The aware time that `moment` reads back."""
    plain: datetime = time.astype("datetime64[us]").item()
    return plain.replace(tzinfo=UTC)


def window_numbers(times: NDArray[np.datetime64], size: timedelta) -> NDArray[np.int64]:
    """(n,) which window of the fixed grid holds each time; `window_of` gives the window of a number."""
    return np.asarray((times - moment(EPOCH)) // np.timedelta64(size // timedelta(microseconds=1), "us"), dtype=np.int64)


def window_number(time: datetime, size: timedelta) -> int:
    """Which window of the fixed grid holds this time."""
    return int(window_numbers(np.array([moment(time)]), size)[0])


def cut(times: NDArray[np.datetime64], rows: int, start: datetime | None) -> list[Window]:
    """Windows by count: each begins where the one before ended, and ends with the last of `rows` rows, and those of the same moment.

    Args:
        times: (n,) of rows, in order.
        rows: of a window.
        start: where the first begins; None = with the first row.

    Returns:
        Those that are full.
    """
    found: list[Window] = []
    at = rows
    while at <= len(times):
        end = aware(times[at - 1]) + timedelta(microseconds=1)
        begin = found[-1].end if found else start
        found.append(Window(start=begin if begin is not None else aware(times[0]), end=end))
        at = int(np.searchsorted(times, moment(end))) + rows
    return found


def window_index(times: NDArray[np.datetime64], size: WindowSize) -> NDArray[np.int64]:
    """(n,) numbers, rising with time, that sort rows which no loop has cut into windows yet, such as those a version learnt from.

    By count the newest rows make the first window, and so on back; the oldest window takes what is left over. Rows need not have
    different times.
    """
    if size.rows is None:
        return window_numbers(times, size.span)
    place = np.empty(len(times), dtype=np.int64)
    place[np.argsort(times, kind="stable")[::-1]] = np.arange(len(times))
    return -1 - np.minimum(place // size.rows, max(len(times) // size.rows - 1, 0))


def window_of(number: int, size: timedelta) -> Window:
    """The window with this number.

    >>> str(window_of(2829, timedelta(weeks=1)))
    '2024-03-25T00:00Z/2024-04-01T00:00Z'
    """
    return Window(start=EPOCH + number * size, end=EPOCH + (number + 1) * size)


def pick(outputs: Outputs, mask: NDArray[Any]) -> Outputs:
    """The outputs of some rows, by mask or by index."""
    return Outputs(
        value=outputs.value[mask],
        probability=None if outputs.probability is None else outputs.probability[mask],
        probabilities=None if outputs.probabilities is None else outputs.probabilities[mask],
    )


def columns(schema: Schema, table: pa.Table) -> Columns:
    """The features of log rows. A feature that the table does not have yet (declared later) is all missing."""
    return {field.name: _column(field, table) for field in schema.features}


def outputs(label: LabelSpec, table: pa.Table) -> Outputs:
    """The answers in log rows. The log keeps one probability a row, so `probabilities` is None."""
    if label.kind == "classes":
        codes = pc.index_in(table["prediction"].cast(pa.string()), value_set=pa.array(label.classes))
        value = np.asarray(codes.fill_null(-1), dtype=np.float64)
    else:
        value = _floats(table["prediction"])
    return Outputs(value=value, probability=None if label.kind == "number" else _floats(table["probability"]))


def versions(table: pa.Table) -> NDArray[np.str_]:
    """(n,) the version that answered each row."""
    return np.asarray(table["version"].to_pylist(), dtype=np.str_)


def times(table: pa.Table) -> NDArray[np.datetime64]:
    """(n,) datetime64[us] of each row."""
    return np.asarray(table["time"].cast(pa.timestamp("us")).to_numpy(), dtype="datetime64[us]")


def join(schema: Schema, label: LabelSpec, table: pa.Table, known: LabelColumns) -> Labelled:
    """Log rows with the labels that belong to them, by request id and row; log rows without a label are left out."""
    places, labels, known_at = matched(table, known)
    chosen = table.take(pa.array(places))
    return Labelled(
        columns=columns(schema, chosen), times=times(chosen), known=known_at, labels=labels, versions=versions(chosen),
        outputs=outputs(label, chosen),
    )  # fmt: skip


def matched(table: pa.Table, known: LabelColumns) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.datetime64]]:
    """(k,) which log rows have a label, in the table's order; their labels; and when each was known."""
    labels = pa.table(
        {
            "request_id": pa.array(known.request_ids, pa.string()),
            "row": pa.array(known.rows, pa.int32()),
            "_label": pa.array(known.values, pa.float64()),
            "_known": pa.array(known.known_us, pa.int64()),
        }
    )
    keyed = pa.table(
        {
            "request_id": table["request_id"].cast(pa.string()),
            "row": table["row"].cast(pa.int32()),
            "_at": pa.array(np.arange(table.num_rows)),
        }
    )
    joined = keyed.join(labels, keys=["request_id", "row"], join_type="inner").sort_by("_at")
    return (
        np.asarray(joined["_at"].to_numpy(), dtype=np.int64),
        np.asarray(joined["_label"].to_numpy(), dtype=np.float64),
        np.asarray(joined["_known"].to_numpy(), dtype="datetime64[us]"),
    )


def together(first: Labelled, second: Labelled) -> Labelled:
    """Both, in time order. Outputs are dropped: the two may come from different models."""
    joined = Labelled(
        columns={name: np.concatenate([first.columns[name], second.columns[name]]) for name in second.columns},
        times=np.concatenate([first.times, second.times]),
        known=np.concatenate([first.known, second.known]),
        labels=np.concatenate([first.labels, second.labels]),
        versions=np.asarray([], dtype=np.str_),
    )
    return joined.where(np.argsort(joined.times, kind="stable"))


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _column(field: Field, table: pa.Table) -> NDArray[Any]:
    name = f"input_{field.name}"
    if name not in table.column_names:
        return absent(field, table.num_rows)
    column = table[name]
    if field.kind == "number":
        return _floats(column)
    if field.kind == "flag":
        return np.asarray(column.cast(pa.int8()).fill_null(MISSING_CODE).to_numpy(), dtype=np.int8)
    if field.kind == "date":
        return np.asarray(pc.cast(column, pa.timestamp("us")).to_numpy(), dtype="datetime64[us]")
    text = column.cast(pa.string())
    codes = pc.index_in(text, value_set=pa.array(field.levels, pa.string()))
    codes = pc.if_else(pc.is_null(text), MISSING_CODE, pc.fill_null(codes, NEW_CODE))
    return np.asarray(codes.to_numpy(), dtype=np.int32)
