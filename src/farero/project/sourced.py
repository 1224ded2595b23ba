"""Rows to learn from that the project brings itself: `source(until)`, called in a child, checked, and cut off at that moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet

from farero.core.label import encode_labels
from farero.core.schema import check_columns
from farero.errors import TrainFailed, counted
from farero.project import source
from farero.project.table import parse_times, read_table

TIME, KNOWN = "time", "known_at"
_QUESTION, _ROWS, _DROPPED = "question.json", "rows.feather", "dropped.json"
_HINT = "Let source(until) return a pandas or Arrow table, or the path of a CSV or Parquet file, with the features, the label and time."


def write_question(folder: Path, recipe: Mapping[str, str], *, until: datetime) -> None:
    """Tell `source_job` which project to ask, and until when."""
    (folder / _QUESTION).write_text(json.dumps({"recipe": dict(recipe), "until": until.isoformat()}), encoding="utf-8")


def source_job(folder: Path) -> None:
    """Ask the project's source for its rows and leave those that fit and were known by then. Runs in a child.

    Raises:
        TrainFailed: it gave no table, one that lacks a column, or no row that can be used.
        Exception: whatever the project's own code raises.
    """
    asked = json.loads((folder / _QUESTION).read_text(encoding="utf-8"))
    project = source.find(asked["recipe"])
    until = datetime.fromisoformat(asked["until"])
    schema, label = project.schema, project.label_spec
    if project.source is None:
        raise TrainFailed(f"{project.model} has no source of its own.", hint="Give fa.Project(source=...) one.")
    table = _read(project.source(until), folder)
    absent = [name for name in (*(field.name for field in schema.features), label.name, TIME) if name not in table]
    if absent:
        raise TrainFailed(f"source gave a table without {', '.join(map(repr, absent))}.", hint=_HINT)
    declared = {field.name for field in schema.fields} | ({schema.key} if schema.key else set())
    checked = check_columns(schema, {name: values for name, values in table.items() if name in declared})
    labels, faults = encode_labels(label, table[label.name])
    if faults:
        raise TrainFailed(f"source gave {counted(len(faults), 'label')} that are none as declared; first: {faults[0]}")
    times = parse_times(table[TIME], name=TIME)
    arrives = np.timedelta64(round(label.arrives_within.total_seconds() * 1e6), "us")
    known = parse_times(table[KNOWN], name=KNOWN) if KNOWN in table else times + arrives
    at = np.datetime64(until.replace(tzinfo=None), "us")
    fits, labelled = np.asarray(checked.fits), ~np.isnan(labels) & ~np.isnat(times) & ~np.isnat(known)
    early = (times < at) & (known <= at)
    keep = fits & labelled & early
    dropped = {
        "they do not fit the features": int((~fits).sum()),
        "they have no label or no time": int((fits & ~labelled).sum()),
        f"they are later than {until:%Y-%m-%dT%H:%MZ}, or their labels were not known by then": int((fits & labelled & ~early).sum()),
    }
    among = keep[fits]  # checked rows are those that fit
    columns = {name: pa.array(values[among]) for name, values in checked.rows.columns.items()}
    rows = pa.table({**columns, "label": labels[keep], "_time": pa.array(times[keep]), "_known": pa.array(known[keep])})
    feather.write_feather(rows, str(folder / _ROWS), compression="uncompressed")
    (folder / _DROPPED).write_text(json.dumps({why: count for why, count in dropped.items() if count}), encoding="utf-8")


def read_answer(folder: Path) -> tuple[pa.Table, Mapping[str, int]]:
    """The rows that `source_job` left, and how many it dropped, by why."""
    dropped: dict[str, int] = json.loads((folder / _DROPPED).read_text(encoding="utf-8"))
    return feather.read_table(str(folder / _ROWS), memory_map=False), dropped


def _read(given: object, folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Whatever form of table it is, by way of the one reader that every table goes through."""
    if isinstance(given, (str, Path)):
        return read_table(Path(given))
    path = folder / "given.parquet"
    if isinstance(given, pd.DataFrame):
        given.to_parquet(path, index=False)
    elif isinstance(given, pa.Table):
        parquet.write_table(given, path)
    elif (to_arrow := getattr(given, "to_arrow", None)) is not None:
        parquet.write_table(to_arrow(), path)
    else:
        raise TrainFailed(f"source gave a {type(given).__name__}, which is no table.", hint=_HINT)
    return read_table(path)
