"""A row is accepted or refused by one set of rules, whether it comes alone as JSON or in the columns of a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.core.schema import Checked, Field, Schema, check_columns, check_rows

SCHEMA = Schema(
    fields=(
        Field(name="size", kind="number", min=-5, max=1e6),
        Field(name="weight", kind="number", missing=True),
        Field(name="colour", kind="choice", levels=("red", "green", "NA")),
        Field(name="shape", kind="choice", levels=("round",), missing=True, new_levels=True),
        Field(name="new", kind="flag"),
        Field(name="old", kind="flag", missing=True),
        Field(name="made", kind="date", missing=True),
        Field(name="owner", kind="personal", privacy="hash", missing=True),
    ),
    key="id",
)
NAMES = [field.name for field in SCHEMA.fields] + ["id"]

anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6), st.just("2024-05-01T12:00:00+02:00"),
    st.sampled_from(["red", "green", "round", "NA", "2024-05-01", "1", "true", ""]), st.integers(-5, 100),
    st.lists(st.integers(), max_size=1),
)  # fmt: skip
fitting = st.fixed_dictionaries(
    {
        "size": st.floats(-5, 1e6) | st.integers(-5, 10**6),
        "weight": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "colour": st.sampled_from(["red", "green", "NA"]),
        "shape": st.none() | st.sampled_from(["round", "square", "flat"]),
        "new": st.booleans(),
        "old": st.none() | st.booleans(),
        "made": st.none() | st.sampled_from(["2024-05-01T12:00:00+02:00", "1969-12-31T23:59:59.5Z"]),
        "owner": st.none() | st.sampled_from(["anna", "otto"]),
        "id": st.none() | st.sampled_from(["k1", "k2"]),
    }
)
mixed = st.builds(lambda row, changes: {**row, **changes}, fitting, st.dictionaries(st.sampled_from(NAMES), anything, max_size=3))


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _plain(checked: Checked) -> object:
    rows = checked.rows
    columns = {name: [str(value) for value in values.tolist()] for name, values in rows.columns.items()}
    dtypes = {name: str(values.dtype) for name, values in rows.columns.items()}
    return columns, dtypes, rows.count, rows.keys, rows.personal, rows.new_values, checked.fits.tolist()


@pytest.mark.row("S2")
@given(st.lists(mixed, min_size=1, max_size=8))
def test_rows_and_their_columns_are_judged_alike_fault_for_fault(rows: list[dict[str, Any]]) -> None:
    by_row = check_rows(SCHEMA, rows)
    by_column = check_columns(SCHEMA, {name: _objects([row[name] for row in rows]) for name in NAMES}, strict=True)
    assert by_column.faults == by_row.faults
    assert by_column.fault_count == by_row.fault_count
    assert _plain(by_column) == _plain(by_row)


@given(st.lists(fitting, min_size=1, max_size=8))
def test_typed_columns_are_judged_like_their_rows(rows: list[dict[str, Any]]) -> None:
    raw: dict[str, Any] = {name: _objects([row[name] for row in rows]) for name in NAMES}
    raw["size"] = np.array([row["size"] for row in rows], dtype=np.float64)
    raw["weight"] = np.array([np.nan if row["weight"] is None else row["weight"] for row in rows], dtype=np.float64)
    raw["new"] = np.array([row["new"] for row in rows])
    assert _plain(check_columns(SCHEMA, raw)) == _plain(check_rows(SCHEMA, rows))


@given(st.lists(fitting, min_size=1, max_size=8))
def test_rows_that_went_through_a_csv_are_the_same_rows(rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, NAMES)
    writer.writeheader()
    writer.writerows(rows)
    cells = list(csv.DictReader(io.StringIO(text.getvalue())))
    raw = {name: _objects([cell[name] or None for cell in cells]) for name in NAMES}
    assert _plain(check_columns(SCHEMA, raw)) == _plain(check_rows(SCHEMA, rows))


@given(st.lists(mixed, min_size=1, max_size=5))
def test_the_rows_kept_are_exactly_those_without_a_fault(rows: list[dict[str, Any]]) -> None:
    checked = check_rows(SCHEMA, rows)
    faulty = {int(fault.path.split("[")[1].split("]")[0]) for fault in checked.faults}
    assert [at for at, fits in enumerate(checked.fits.tolist()) if not fits] == sorted(faulty)
    assert checked.rows.count == len(rows) - len(faulty) == len(checked.rows.keys)
