"""Columns become one matrix and come back as they were."""

from datetime import UTC, datetime

import numpy as np

from farero.core.field import Field
from farero.core.matrix import missing_in_matrix, to_columns, to_matrix
from farero.core.schema import Schema, check_rows

SCHEMA = Schema(
    fields=(
        Field(name="age", kind="number", missing=True),
        Field(name="plan", kind="choice", levels=("a", "b"), missing=True, new_levels=True),
        Field(name="email", kind="personal", privacy="drop", missing=True),
        Field(name="late", kind="flag", missing=True),
        Field(name="since", kind="date", missing=True),
    )
)
ROWS = [
    {"age": 3.5, "plan": "b", "late": True, "since": "2024-05-01T13:00:00.000001Z"},
    {"age": None, "plan": "z", "late": False, "since": "0001-01-01T00:00:00Z"},
    {},
]


def test_each_kind_stands_as_its_own_number() -> None:
    rows = check_rows(SCHEMA, ROWS).rows
    matrix = to_matrix(SCHEMA, rows.columns, rows.count)
    moment = datetime(2024, 5, 1, 13, tzinfo=UTC).timestamp() * 1e6 + 1
    assert matrix.flags.c_contiguous
    np.testing.assert_array_equal(matrix[0], [3.5, 1.0, 1.0, moment])
    np.testing.assert_array_equal(matrix[1, :3], [np.nan, -2.0, 0.0])
    np.testing.assert_array_equal(matrix[2], [missing_in_matrix(field) for field in SCHEMA.features])


def test_the_columns_come_back_with_their_types() -> None:
    rows = check_rows(SCHEMA, ROWS).rows
    back = to_columns(SCHEMA, to_matrix(SCHEMA, rows.columns, rows.count))
    for field in SCHEMA.features:
        assert back[field.name].dtype == rows.columns[field.name].dtype
        np.testing.assert_array_equal(back[field.name], rows.columns[field.name])
