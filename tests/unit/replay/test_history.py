from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.core.window import WindowSize
from farero.errors import BadInput
from farero.replay import history
from farero.serving import stored

SCHEMA = Schema(fields=(Field(name="x", kind="number", min=0), Field(name="plan", kind="choice", levels=("a", "b"))), key="customer")
LABEL = LabelSpec(name="y", kind="number", arrives_within=timedelta(hours=2))
NOW = datetime(2024, 6, 1, tzinfo=UTC)
GOOD = "ts,x,plan,y,known,note\n2024-01-02T00:00Z,2,b,20,2024-01-05T00:00Z,n\n2024-01-01T00:00Z,1,a,10,2024-01-03T00:00Z,n\n"


@pytest.fixture
def write(tmp_path: Path):
    def make(text: str) -> Path:
        path = tmp_path / "data.csv"
        path.write_text(text)
        return path

    return make


def read(path: Path, **options: str) -> history.History:
    return history.read(path, SCHEMA, LABEL, time="ts", **options)


def test_history_is_in_time_order_and_a_label_is_known_after_the_declared_delay(write) -> None:
    found = read(write(GOOD))
    assert found.rows.columns["x"].tolist() == [1.0, 2.0]
    assert found.labels.tolist() == [10.0, 20.0]
    assert (found.known - found.times).astype("timedelta64[h]").astype(int).tolist() == [2, 2]
    assert found.notes == ["Ignored columns that the project does not declare: known, note."]


@pytest.mark.row("M11")
def test_a_column_may_say_when_each_label_became_known(write) -> None:
    found = read(write(GOOD), label_time="known")
    assert [stored.aware(time).day for time in found.known] == [3, 5]


@pytest.mark.row("M11")
def test_a_label_that_never_came_is_never_known(write) -> None:
    found = read(write(GOOD.replace("b,20", "b,")))
    assert np.isnat(found.known).tolist() == [False, True]
    assert np.isnan(found.labels).tolist() == [False, True]
    assert found.labelled(2).count == 1


def test_rows_that_would_have_been_refused_are_counted_with_their_time(write) -> None:
    found = read(write(GOOD.replace(",2,b", ",-2,b")))
    assert found.count == 1
    assert [stored.aware(time).day for time in found.refused] == [2]
    assert found.notes[1].startswith("1 of 2 rows do not fit the features and are refused, first: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ts,x,", "ts,z,", "has no column 'x'"),
        (",y,", ",z,", "has no column 'y'"),
        ("2024-01-02T00:00Z,2", ",2", "1 rows have no ts"),
        ("b,20", "b,many", "are not labels as declared"),
    ],
)
def test_a_file_that_is_no_history_says_why(write, old: str, new: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(write(GOOD.replace(old, new)))


def test_a_file_without_a_row_that_fits_is_refused(write) -> None:
    with pytest.raises(BadInput, match=r"No row of data\.csv fits"):
        read(write(GOOD.replace(",2,b", ",-2,b").replace(",1,a", ",-1,a")))


@pytest.mark.parametrize(("text", "day"), [("2024-01-02", 2), ("0.5", 2)])
def test_the_first_training_ends_at_a_time_or_at_a_share_of_the_rows(write, text: str, day: int) -> None:
    assert history.train_until(read(write(GOOD)), text, WindowSize()) == datetime(2024, 1, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"), [("1.5", "not a share"), ("2023-01-01", "no row before"), ("2025-01-01", "no row after"), ("soon", "soon")]
)
def test_a_first_training_without_rows_on_one_side_is_refused(write, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        history.train_until(read(write(GOOD)), text, WindowSize())


def test_a_file_for_training_needs_no_times_and_leaves_unlabelled_rows_out(write) -> None:
    found = history.for_training(write(GOOD.replace("b,20", "b,")), SCHEMA, LABEL, time=None, now=NOW)
    assert (found.count, found.labels.tolist(), stored.aware(found.times[0])) == (1, [10.0], NOW)


@pytest.mark.parametrize(("old", "new", "message"), [(",y,", ",z,", "no column 'y'"), ("b,20", "b,many", "not labels"), ("x", "xx", "'x'")])
def test_a_file_that_cannot_train_says_why(write, old: str, new: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        history.for_training(write(GOOD.replace(old, new, 1)), SCHEMA, LABEL, time=None, now=NOW)


@pytest.mark.row("M1")
def test_labels_in_a_file_are_for_requests_or_for_keys(write) -> None:
    (one, two) = history.label_rows(write("request_id,row,label,known_at\nr1,3,5,2024-01-01\nr2,0,6,\n"), LABEL, now=NOW)
    assert (one.request_id, one.row, one.known_at) == ("r1", 3, datetime(2024, 1, 1, tzinfo=UTC))
    assert (two.request_id, two.known_at) == ("r2", NOW)
    (keyed,) = history.label_rows(write("key,time,y\nc7,2024-01-01,5\n"), LABEL, now=NOW)
    assert (keyed.key, keyed.time, keyed.request_id) == ("c7", datetime(2024, 1, 1, tzinfo=UTC), None)


@pytest.mark.parametrize(("text", "name"), [("request_id,row\nr1,0\n", "label"), ("label,key\n1,c7\n", "request_id")])
def test_labels_without_a_place_or_a_value_are_refused_with_the_columns_there_are(write, text: str, name: str) -> None:
    with pytest.raises(BadInput, match=f"has no column {name}"):
        history.label_rows(write(text), LABEL, now=NOW)


@pytest.mark.row("M9")
def test_a_share_of_the_rows_is_kept_to_the_row_where_windows_go_by_count(write) -> None:
    read_back = read(write(GOOD))
    moment = history.train_until(read_back, "0.5", WindowSize(rows=10))
    assert stored.moment(moment) == read_back.times[read_back.count // 2]
