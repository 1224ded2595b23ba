from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema, check_columns, check_rows
from farero.project.frame import frame, series

SCHEMA = Schema(
    fields=(
        Field(name="tenure", kind="number", missing=True),
        Field(name="email", kind="personal", privacy="drop", missing=True),
        Field(name="plan", kind="choice", levels=("a", "b", "c"), missing=True, new_levels=True),
        Field(name="flag", kind="flag"),
        Field(name="lax", kind="flag", missing=True),
        Field(name="when", kind="date", missing=True),
    )
)
ROWS = [
    {"tenure": 3, "plan": "b", "flag": True, "lax": False, "when": "2024-05-01T02:00:00+02:00", "email": "x"},
    {"flag": False},
    {"plan": "zebra", "flag": True, "lax": True},
]


def test_features_come_in_the_promised_form() -> None:
    made = frame(SCHEMA, check_rows(SCHEMA, ROWS).rows.columns)
    assert list(made.columns) == ["tenure", "plan", "flag", "lax", "when"]
    assert made["tenure"].dtype == np.float64
    assert made["tenure"].isna().tolist() == [False, True, True]
    assert made["plan"].cat.categories.tolist() == ["a", "b", "c"]
    assert made["plan"].isna().tolist() == [False, True, True], "a new level is missing to the model"
    assert made["flag"].dtype == np.bool_
    assert made["lax"].dtype == np.float64
    assert made["lax"].tolist()[::2] == [0.0, 1.0]
    assert str(made["when"].dtype) == "datetime64[us, UTC]"
    assert made["when"][0] == pd.Timestamp("2024-05-01T00:00:00Z")
    assert made["when"].isna().tolist() == [False, True, True]


def test_a_served_row_has_exactly_the_form_of_the_training() -> None:
    raw = {"tenure": [1.0, 2.0], "plan": ["a", "b"], "flag": [True, False], "lax": [True, False], "when": ["2024-05-01", "2024-05-02"]}
    trained = frame(SCHEMA, check_columns(SCHEMA, raw).rows.columns)
    for row in ROWS:
        served = frame(SCHEMA, check_rows(SCHEMA, [row]).rows.columns)
        assert served.dtypes.to_dict() == trained.dtypes.to_dict()


def test_no_rows_have_the_same_form() -> None:
    empty = {name: values[:0] for name, values in check_rows(SCHEMA, ROWS).rows.columns.items()}
    assert frame(SCHEMA, empty).dtypes.to_dict() == frame(SCHEMA, check_rows(SCHEMA, ROWS).rows.columns).dtypes.to_dict()


def test_labels_come_as_zero_and_one_class_names_or_numbers() -> None:
    day = timedelta(days=1)
    binary = series(LabelSpec(name="y", kind="binary", arrives_within=day), np.array([0.0, 1.0]))
    assert (binary.name, binary.dtype, binary.tolist()) == ("y", np.int64, [0, 1])
    classes = series(LabelSpec(name="y", kind="classes", arrives_within=day, classes=("a", "b")), np.array([1.0, 0.0]))
    assert classes.tolist() == ["b", "a"]
    assert series(LabelSpec(name="y", kind="number", arrives_within=day), np.array([1.5])).tolist() == [1.5]
