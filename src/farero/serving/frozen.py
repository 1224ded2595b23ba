"""What is frozen with a version besides its model: its reference, that reference's windows one by one, and rows that judged it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from struct import Struct
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
from numpy.typing import NDArray

from farero.core.days import Days, days_of
from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.reference import build_reference
from farero.core.schema import Schema
from farero.core.series import Series, of_labels
from farero.core.window import WindowSize
from farero.errors import Corrupt
from farero.serving import stored
from farero.serving.layout import DAYS, JUDGED, LABELS, REFERENCE
from farero.serving.stored import Labelled

REFERENCE_ROWS: Final = 200_000
"""Rows at most, the newest, that a reference is made of."""

JUDGED_ROWS: Final = 20_000
"""Rows at most, the newest, that are kept of those a version was judged by."""

_SIZE: Final = Struct("<q")
_MICROSECOND: Final = timedelta(microseconds=1)


def freeze(folder: Path, schema: Schema, label: LabelSpec, window_size: WindowSize, learnt: Labelled, judged: Labelled | None) -> None:
    """Write a version's context into its folder.

    Args:
        folder: of the version, before its files are stored.
        schema, label: of the rows.
        window_size: of the windows that the version will be watched by.
        learnt: rows that the model learnt from, in time order; they are what is normal.
        judged: rows that it did not learn from, with its answers in `outputs`; None = there are none.
    """
    recent = learnt.where(np.arange(learnt.count) >= learnt.count - REFERENCE_ROWS)
    outputs = judged.outputs if judged is not None else None
    windows = stored.window_index(recent.times, window_size)
    reference = build_reference(schema, recent.columns, outputs, windows)
    (folder / REFERENCE).write_bytes(reference.to_bytes())
    of_answers = stored.window_index(judged.times, window_size) if judged is not None else None
    made = days_of(reference, recent.columns, outputs, windows, of_answers)
    (folder / DAYS).write_bytes(_SIZE.pack(_kept(window_size)) + made.to_bytes())
    (folder / LABELS).write_bytes(of_labels(label.kind, label.classes, recent.labels, windows).to_bytes())
    if judged is not None and outputs is not None:
        newest = judged.where(np.arange(judged.count) >= judged.count - JUDGED_ROWS)
        feather.write_feather(_to_table(schema, newest), str(folder / JUDGED), compression="zstd")


def days(folder: Path, window_size: WindowSize) -> Days | None:
    """The windows of a version's reference; None where it has none, or of another size than the windows now.

    Raises:
        Corrupt: the file is something else.
    """
    path = folder / DAYS
    if not path.exists():
        return None
    data = path.read_bytes()
    if len(data) < _SIZE.size:
        raise Corrupt(f"{path} does not hold the windows of a reference.", hint="Restore the folder from a backup.")
    found = Days.from_bytes(data[_SIZE.size :])
    return found if _SIZE.unpack_from(data)[0] == _kept(window_size) else None


def labels(folder: Path) -> Series | None:
    """The labels that a version learnt from, by window; None for versions made before they were kept.

    Raises:
        Corrupt: the file is something else.
    """
    path = folder / LABELS
    return Series.from_bytes(path.read_bytes()) if path.exists() else None


def judged(folder: Path, schema: Schema) -> Labelled | None:
    """Rows that a version had not learnt from when they judged it, in time order, with labels and the answers that it gave.

    At most `JUDGED_ROWS`, the newest. None for versions that nothing judged, and for those made before such rows were kept.

    Raises:
        Corrupt: the file is something else.
    """
    path = folder / JUDGED
    if not path.exists():
        return None
    try:
        return _from_table(schema, feather.read_table(str(path)))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise Corrupt(
            f"{path} does not hold the rows that judged the version: {error}.", hint="Restore the folder from a backup."
        ) from error


def with_outputs(rows: Labelled, outputs: Outputs) -> Labelled:
    """The rows with a model's answers to them."""
    return replace(rows, outputs=outputs)


def _kept(size: WindowSize) -> int:
    """The size of windows as it is written: microseconds, or rows below zero."""
    return size.span // _MICROSECOND if size.rows is None else -size.rows


def _to_table(schema: Schema, rows: Labelled) -> pa.Table:
    outputs = rows.outputs
    assert outputs is not None
    arrays: dict[str, Any] = {field.name: pa.array(rows.columns[field.name]) for field in schema.features}
    arrays |= {"_time": pa.array(rows.times), "_known": pa.array(rows.known), "_label": pa.array(rows.labels)}
    arrays["_value"] = pa.array(outputs.value)
    if outputs.probability is not None:
        arrays["_probability"] = pa.array(outputs.probability)
    if outputs.probabilities is not None:
        arrays |= {f"_probability_{at}": pa.array(column) for at, column in enumerate(outputs.probabilities.T)}
    return pa.table(arrays)


def _from_table(schema: Schema, table: pa.Table) -> Labelled:
    def floats(name: str) -> NDArray[np.float64]:
        return np.asarray(table[name].to_numpy(), dtype=np.float64)

    spread = [name for name in table.column_names if name.startswith("_probability_")]
    return Labelled(
        columns={field.name: table[field.name].to_numpy() for field in schema.features},
        times=np.asarray(table["_time"].to_numpy(), dtype="datetime64[us]"),
        known=np.asarray(table["_known"].to_numpy(), dtype="datetime64[us]"),
        labels=floats("_label"),
        versions=np.asarray([], dtype=np.str_),
        outputs=Outputs(
            value=floats("_value"),
            probability=floats("_probability") if "_probability" in table.column_names else None,
            probabilities=np.column_stack([floats(name) for name in spread]) if spread else None,
        ),
    )
