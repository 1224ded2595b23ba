"""An example row fits the schema it was made from."""

from __future__ import annotations

import pytest

from farero.core.example import example_row
from farero.core.schema import Field, Schema, check_rows

BOUNDS = [(None, None), (0, 23), (-20, -10), (None, 0.4), (0.2, None), (0.2, 0.3), (100, None), (None, -5)]


@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_an_example_number_lies_within_its_bounds(low: float | None, high: float | None) -> None:
    schema = Schema(fields=(Field(name="x", kind="number", min=low, max=high),))
    assert check_rows(schema, [example_row(schema)]).faults == ()


def test_an_example_row_fits_every_kind_of_field_and_leaves_personal_data_out() -> None:
    fields = (
        Field(name="plan", kind="choice", levels=("monthly", "yearly")), Field(name="paper", kind="flag"), Field(name="since", kind="date"),
        Field(name="note", kind="choice", levels=(), new_levels=True), Field(name="mail", kind="personal", privacy="drop", missing=True),
    )  # fmt: skip
    schema = Schema(fields=fields, key="customer")
    row = example_row(schema)
    assert check_rows(schema, [row]).faults == ()
    assert set(row) == {"plan", "paper", "since", "note", "customer"}
