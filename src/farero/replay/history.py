"""Recorded history made ready to be lived again: checked rows in time order, with their labels and when each became known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farero.core.label import LabelRow, LabelSpec, encode_labels
from farero.core.schema import Fault, Rows, Schema, check_columns
from farero.core.window import WindowSize, window_at
from farero.errors import BadInput
from farero.project.table import parse_times, read_table
from farero.serving import stored
from farero.serving.stored import Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """n rows that fit the schema, in time order.

    Attributes:
        times: (n,) datetime64[us]; known: (n,) when the label is known, NaT where it never is.
        labels: (n,) float64, NaN where it never arrives; raw: the labels as the file has them.
        refused: (m,) times of the rows that did not fit, which would have been refused; faults: a sample of why.
    """

    rows: Rows
    times: NDArray[np.datetime64]
    known: NDArray[np.datetime64]
    labels: NDArray[np.float64]
    raw: NDArray[Any]
    refused: NDArray[np.datetime64]
    faults: Sequence[Fault]
    notes: Sequence[str]

    @property
    def count(self) -> int:
        return self.rows.count

    def slice(self, first: int, last: int) -> Rows:
        """Rows first..last-1, as a request would bring them."""
        cut = slice(first, last)
        return Rows(
            count=last - first,
            columns={name: values[cut] for name, values in self.rows.columns.items()},
            keys=self.rows.keys[cut],
            personal={name: values[cut] for name, values in self.rows.personal.items()},
            new_values={name: values[cut] for name, values in self.rows.new_values.items()},
        )

    def labelled(self, last: int) -> Labelled:
        """The rows before `last` whose label will ever be known, with the time when it is."""
        mask = np.zeros(self.count, dtype=bool)
        mask[:last] = ~np.isnan(self.labels[:last])
        return Labelled(
            columns={name: values[mask] for name, values in self.rows.columns.items()},
            times=self.times[mask],
            known=self.known[mask],
            labels=self.labels[mask],
            versions=np.asarray([], dtype=np.str_),
        )


def read(
    path: Path, schema: Schema, label: LabelSpec, *, time: str, label_column: str | None = None, label_time: str | None = None
) -> History:
    """Read a CSV or Parquet file as history.

    Raises:
        BadInput: the file cannot be read, a named column is absent, or no row fits; names every fault found.
    """
    table = read_table(path)
    target = label_column or label.name
    wanted = [name for name in (time, target, label_time) if name is not None]
    absent = [name for name in wanted if name not in table] + [field.name for field in schema.fields if field.name not in table]
    if absent:
        raise BadInput(
            f"{path.name} has no column {', '.join(repr(name) for name in dict.fromkeys(absent))}.",
            hint=f"Its columns are {', '.join(table)}.",
        )
    times = parse_times(table[time], name=time)
    if np.isnat(times).any():
        raise BadInput(
            f"{path.name}: {int(np.isnat(times).sum())} rows have no {time}.", hint="Give every row a time, or remove those rows."
        )
    order = np.argsort(times, kind="stable")
    ordered: Mapping[str, NDArray[Any]] = {name: np.asarray(values)[order] for name, values in table.items()}
    times = times[order]
    checked = check_columns(schema, {name: ordered[name] for name in _declared(schema, ordered)})
    labels, faults = encode_labels(label, ordered[target])
    if faults:
        raise BadInput(f"{path.name}: {len(faults)} values of {target} are not labels as declared.", faults=faults[:20])
    fits = checked.fits
    if not fits.any():
        raise BadInput(f"No row of {path.name} fits the declared features.", faults=checked.faults[:20])
    if label_time is not None:
        known = parse_times(ordered[label_time], name=label_time)[fits]
    else:
        known = times[fits] + np.timedelta64(label.arrives_within // timedelta(microseconds=1), "us")
    kept = labels[fits]
    known = np.where(np.isnan(kept), np.datetime64("NaT"), known).astype("datetime64[us]")
    kept = np.where(np.isnat(known), np.nan, kept)
    ignored = [name for name in table if name not in _declared(schema, table) and name not in wanted]
    notes = [f"Ignored columns that the project does not declare: {', '.join(ignored)}."] if ignored else []
    if not fits.all():
        notes.append(f"{int((~fits).sum())} of {fits.size} rows do not fit the features and are refused, first: {checked.faults[0]}")
    return History(
        rows=checked.rows, times=times[fits], known=known, labels=kept, raw=ordered[target][fits], refused=times[~fits],
        faults=checked.faults[:20], notes=notes,
    )  # fmt: skip


def for_training(path: Path, schema: Schema, label: LabelSpec, *, time: str | None, now: datetime) -> Labelled:
    """Labelled rows of a file for a training by hand. Without a time column every row counts as known since now.

    Raises:
        BadInput: the file cannot be read, lacks a column, or has no row with a label that fits.
    """
    if time is not None:
        history = read(path, schema, label, time=time)
        rows = history.labelled(history.count)
        return Labelled(columns=rows.columns, times=rows.times, known=rows.times, labels=rows.labels, versions=rows.versions)
    table = read_table(path)
    absent = [name for name in (label.name, *(field.name for field in schema.fields)) if name not in table]
    if absent:
        raise BadInput(f"{path.name} has no column {', '.join(map(repr, absent))}.", hint=f"Its columns are {', '.join(table)}.")
    checked = check_columns(schema, {name: table[name] for name in _declared(schema, table)})
    labels, faults = encode_labels(label, table[label.name])
    if faults:
        raise BadInput(f"{path.name}: {len(faults)} values of {label.name} are not labels as declared.", faults=faults[:20])
    kept = labels[checked.fits]
    has_label = ~np.isnan(kept)
    if not has_label.any():
        raise BadInput(f"No row of {path.name} fits the declared features and has a label.", faults=checked.faults[:20])
    moments = np.full(kept.size, stored.moment(now))
    rows = Labelled(columns=checked.rows.columns, times=moments, known=moments, labels=kept, versions=np.asarray([], dtype=np.str_))
    return rows.where(has_label)


def label_rows(path: Path, label: LabelSpec, *, now: datetime) -> list[LabelRow]:
    """The labels in a file: `label` (or the label's own name) with `request_id` and `row`, or with `key` and `time`; `known_at` if given.

    Raises:
        BadInput: a column is absent, or a time cannot be read.
    """
    table = read_table(path)
    value = "label" if "label" in table else label.name
    if value not in table or not ("request_id" in table or ("key" in table and "time" in table)):
        raise BadInput(
            f"{path.name} has no column {'label' if value not in table else 'request_id'}.",
            hint=f"Labels need label and request_id (and row), or label, key and time. The file has {', '.join(table)}.",
        )
    count = len(table[value])
    ids = _texts(table.get("request_id"), count)
    keys = _texts(table.get("key"), count)
    numbers = _numbers(path.name, table["row"]) if "row" in table else [0] * count
    times = _moments(table.get("time"), count, "time")
    known = _moments(table.get("known_at"), count, "known_at")
    return [
        LabelRow(
            raw=table[value][index], known_at=known[index] or now, request_id=ids[index], row=numbers[index],
            key=keys[index], time=times[index],
        )
        for index in range(count)
    ]  # fmt: skip


def _texts(values: NDArray[Any] | None, count: int) -> list[str | None]:
    return [None] * count if values is None else [None if value is None or value == "" else str(value) for value in values.tolist()]


def _numbers(name: str, values: NDArray[Any]) -> list[int]:
    """The positions of rows in their requests; a blank one is the first."""
    found: list[int] = []
    faults: list[Fault] = []
    for at, value in enumerate(values.tolist()):
        try:
            number = 0.0 if value is None or value == "" or value != value else float(value)
        except ValueError:
            number = -1.0
        if not (number.is_integer() and 0 <= number < 2**31):
            faults.append(
                Fault(path=f"row[{at}]", code="bad-row", message=f"is {str(value)[:40]!r}, not a whole number from 0 to 2147483647")
            )
            number = 0.0
        found.append(int(number))
    if faults:
        raise BadInput(f"{name}: {len(faults)} row number(s) cannot be read; no label was stored.", faults=faults)
    return found


def _moments(values: NDArray[Any] | None, count: int, name: str) -> list[datetime | None]:
    if values is None:
        return [None] * count
    return [None if np.isnat(time) else stored.aware(time) for time in parse_times(values, name=name)]


def train_until(history: History, text: str, size: WindowSize) -> datetime:
    """The moment named by a time or by a share of the rows [0-1]; a share is rounded down to the start of a window of time.

    Raises:
        BadInput: it is neither, or leaves nothing on one side of it.
    """
    try:
        share = float(text)
    except ValueError:
        moment = stored.aware(parse_times(np.asarray([text], dtype=object), name="--train-until")[0])
    else:
        if not 0 < share < 1:
            raise BadInput(f"--train-until {text} is not a share between 0 and 1.", hint="Write 0.25, or a time such as 2012-01-01.")
        at = stored.aware(history.times[int(history.count * share)])
        moment = window_at(at, size.span).start if size.rows is None else at
        if stored.moment(moment) <= history.times[0]:
            moment = at
    before = int(np.searchsorted(history.times, stored.moment(moment)))
    if before == 0 or before == history.count:
        raise BadInput(
            f"--train-until {moment:%Y-%m-%dT%H:%MZ} leaves no row {'before' if before == 0 else 'after'} it.",
            hint=f"The file runs from {stored.aware(history.times[0]):%Y-%m-%d} to {stored.aware(history.times[-1]):%Y-%m-%d}.",
        )
    return moment


def _declared(schema: Schema, table: Mapping[str, object]) -> list[str]:
    names = {field.name for field in schema.fields} | ({schema.key} if schema.key else set())
    return [name for name in table if name in names]
