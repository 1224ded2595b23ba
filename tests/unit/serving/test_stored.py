from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from farero.core.label import LabelColumns, LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import MISSING_CODE, NEW_CODE, Field, Schema
from farero.core.window import WindowSize
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


def seconds(*offsets: int) -> NDArray[np.datetime64]:
    return stored.moment(T0) + np.array(offsets) * np.timedelta64(1, "s")


@pytest.mark.row("M9")
def test_rows_are_cut_by_their_number_and_those_of_one_moment_stay_together() -> None:
    times = seconds(0, 1, 2, 2, 2, 3, 4, 5)
    found = stored.cut(times, 3, None)
    held = [int(((times >= stored.moment(one.start)) & (times < stored.moment(one.end))).sum()) for one in found]
    assert held == [5, 3]
    assert (found[0].start, found[0].end) == (T0, T0 + timedelta(seconds=2, microseconds=1))
    assert [one.start for one in found[1:]] == [one.end for one in found[:-1]]


@pytest.mark.row("M9")
@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 12), st.integers(0, 60))
def test_windows_by_count_are_the_same_however_many_rows_came_behind_them(offsets: list[int], rows: int, known: int) -> None:
    times = np.sort(seconds(*offsets)) if offsets else seconds()
    whole = stored.cut(times, rows, None)
    part = stored.cut(times[: np.searchsorted(times, times[known - 1], side="right")] if 0 < known <= len(times) else times[:0], rows, None)
    assert part == whole[: len(part)]
    if len(part) > 1:  # going on after the first gives the rest
        rest = times[np.searchsorted(times, stored.moment(part[0].end)) :]
        assert stored.cut(rest, rows, part[0].end) == whole[1:]


@pytest.mark.row("M9")
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(1, 12))
def test_rows_that_no_loop_cut_go_by_count_from_the_newest_back(offsets: list[int], rows: int) -> None:
    times = seconds(*offsets)
    numbers = stored.window_index(times, WindowSize(rows=rows))
    found, held = np.unique(numbers, return_counts=True)
    assert found.tolist() == list(range(-len(found), 0))
    assert held[1:].tolist() == [rows] * (len(found) - 1)
    assert held[0] < 2 * rows
    assert np.all(np.diff(numbers[np.argsort(times, kind="stable")]) >= 0)


def test_by_time_the_grid_numbers_rows_of_any_origin() -> None:
    times = seconds(0, 86_400)
    assert stored.window_index(times, WindowSize()).tolist() == stored.window_numbers(times, timedelta(days=1)).tolist()
