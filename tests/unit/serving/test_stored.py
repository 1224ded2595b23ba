from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from farero.core.label import LabelColumns, LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import MISSING_CODE, NEW_CODE, Field, Schema
from farero.serving import stored
from farero.serving.stored import Labelled

T0 = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = Schema(
    fields=(
        Field(name="x", kind="number", missing=True),
        Field(name="plan", kind="choice", levels=("a", "b"), new_levels=True, missing=True),
        Field(name="paid", kind="flag", missing=True),
        Field(name="since", kind="date", missing=True),
    )
)
NUMBER = LabelSpec(name="y", kind="number", arrives_within=timedelta(days=1))
CLASSES = LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("low", "high"))


def table() -> pa.Table:
    moments = [T0, T0 + timedelta(hours=1), T0 + timedelta(hours=2)]
    return pa.table(
        {
            "time": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "request_id": ["r1", "r1", "r2"],
            "row": pa.array([0, 1, 0], pa.int32()),
            "version": ["1.0.0", "1.0.0", "1.1.0"],
            "prediction": [1.0, 2.0, 3.0],
            "probability": pa.array([None, None, None], pa.float64()),
            "input_x": [0.5, None, 2.5],
            "input_plan": ["b", "z", None],
            "input_paid": [True, None, False],
            "input_since": pa.array([T0, None, T0], pa.timestamp("us", tz="UTC")),
        }
    )


def labelled(values: list[float], first: datetime = T0) -> Labelled:
    times = stored.moment(first) + np.arange(len(values)) * np.timedelta64(3_600_000_000, "us")
    return Labelled(
        columns={"x": np.array(values)}, times=times, known=times, labels=np.array(values), versions=np.array(["1"] * len(values))
    )


def test_moments_survive_the_way_to_numpy_and_back() -> None:
    at = datetime(2024, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
    assert stored.aware(stored.moment(at)) == at


def test_stored_inputs_become_the_columns_that_a_model_saw() -> None:
    columns = stored.columns(SCHEMA, table())
    np.testing.assert_array_equal(columns["x"], [0.5, np.nan, 2.5])
    assert columns["plan"].tolist() == [1, NEW_CODE, MISSING_CODE]
    assert columns["paid"].tolist() == [1, MISSING_CODE, 0]
    assert np.isnat(columns["since"]).tolist() == [False, True, False]


def test_a_feature_that_the_table_does_not_have_yet_is_all_missing() -> None:
    columns = stored.columns(SCHEMA, table().select(["time", "request_id"]))
    assert np.isnan(columns["x"]).all() and np.isnat(columns["since"]).all()
    assert columns["plan"].tolist() == columns["paid"].tolist() == [MISSING_CODE] * 3


@pytest.mark.row("M4")
def test_labels_find_their_rows_in_any_order_and_rows_without_one_are_left_out() -> None:
    known = LabelColumns(
        request_ids=["r2", "r1", "r9"], rows=[0, 1, 0], values=[30.0, 20.0, 9.0], predicted_us=[0, 0, 0], known_us=[3, 2, 1]
    )
    found = stored.join(SCHEMA, NUMBER, table(), known)
    assert found.labels.tolist() == [20.0, 30.0]
    assert found.versions.tolist() == ["1.0.0", "1.1.0"]
    assert found.outputs is not None and found.outputs.value.tolist() == [2.0, 3.0]
    assert found.known.astype(np.int64).tolist() == [2, 3]


def test_two_histories_come_together_in_time_order() -> None:
    both = stored.together(labelled([1.0, 3.0]), labelled([2.0], T0 + timedelta(minutes=30)))
    assert both.labels.tolist() == [1.0, 2.0, 3.0]
    assert (both.outputs, both.versions.size) == (None, 0)


def test_rows_are_picked_with_everything_that_belongs_to_them() -> None:
    some = labelled([1.0, 2.0, 3.0]).where(np.array([True, False, True]))
    assert (some.count, some.columns["x"].tolist(), some.versions.size) == (2, [1.0, 3.0], 2)
    outputs = Outputs(value=np.array([1.0, 2.0]), probability=np.array([0.1, 0.9]), probabilities=np.array([[0.9, 0.1], [0.1, 0.9]]))
    second = stored.pick(outputs, np.array([1]))
    assert (second.value.tolist(), second.probability.tolist(), second.probabilities.tolist()) == ([2.0], [0.9], [[0.1, 0.9]])  # type: ignore[union-attr]


def test_class_names_become_their_index() -> None:
    named = table().set_column(4, "prediction", pa.array(["high", "low", "gone"]))
    assert stored.outputs(CLASSES, named).value.tolist() == [1.0, 0.0, -1.0]
    assert stored.outputs(NUMBER, table()).probability is None


def test_a_window_number_names_the_window_that_holds_the_time() -> None:
    times = stored.times(table())
    numbers = stored.window_numbers(times, timedelta(hours=2))
    assert numbers.tolist() == [numbers[0], numbers[0], numbers[0] + 1]
    window = stored.window_of(int(numbers[0]), timedelta(hours=2))
    assert window.start <= T0 < window.end
