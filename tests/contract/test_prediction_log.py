"""Every prediction log keeps the promises of `ports.PredictionLog`: the Delta tables and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from tests.records import SHAPE, START, record

from farero.adapters.delta_log import DeltaLog
from farero.adapters.memory_log import MemoryLog
from farero.errors import LogUnavailable
from farero.ports import LogShape, PredictionLog

Open = Callable[[Mapping[str, LogShape]], PredictionLog]


@pytest.fixture(params=["delta", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens a log. The Delta log is opened on the same folder every time; its name has what paths stumble over."""
    if request.param == "delta":
        return lambda models: DeltaLog(tmp_path / "the log of señor #1", models)
    return MemoryLog


@pytest.fixture
def log(opened: Open) -> PredictionLog:
    return opened({"churn": SHAPE, "risk": SHAPE})


def ids(table: pa.Table) -> list[str]:
    return table["request_id"].to_pylist()


def test_a_model_without_predictions_has_an_empty_table_with_all_columns(log: PredictionLog) -> None:
    table = log.read("churn")
    assert table.num_rows == 0
    assert table.schema.names == [
        "time", "date", "request_id", "row", "endpoint", "version", "key", "prediction", "probability", "latency_us", "status",
        "input_tenure", "input_contract", "input_senior", "input_since",
    ]  # fmt: skip
    assert log.span("churn") is None
    assert log.mark("churn", "w") is None
    assert log.times("churn", ["r-000001"]).num_rows == 0
    assert log.times("churn", []).num_rows == 0
    log.compact("churn")


@pytest.mark.row("L1")
def test_every_value_of_a_record_comes_back(log: PredictionLog) -> None:
    log.append("churn", [record(1, rows=2)], {"w": 1})
    table = log.read("churn")
    assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert table.to_pylist()[1] == {
        "time": START + timedelta(minutes=1),
        "date": date(2024, 5, 1),
        "request_id": "r-000001",
        "row": 1,
        "endpoint": "predict",
        "version": "1.0.0",
        "key": "k-1",
        "prediction": 1.0,
        "probability": 0.75,
        "latency_us": 1200,
        "status": "ok",
        "input_tenure": 2.0,
        "input_contract": "monthly",
        "input_senior": False,
        "input_since": datetime(2024, 1, 31, 8, 0, 0, 1, tzinfo=UTC),
    }


def test_missing_values_keys_and_probabilities_come_back_as_missing(log: PredictionLog) -> None:
    nothing = {"tenure": [None], "contract": [None], "senior": [None], "since": [None]}
    log.append("churn", [record(1, inputs=nothing, probability=None, keys=None)], {"w": 1})
    log.append("churn", [record(2)], {"w": 2})
    first, second = log.read("churn").to_pylist()
    assert [first[name] for name in ("key", "probability", "input_tenure", "input_contract", "input_senior", "input_since")] == [None] * 6
    assert second["input_tenure"] == 2.0


def test_an_append_with_the_same_mark_adds_nothing(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {"w": 1})
    log.append("churn", [record(1)], {"w": 1})
    assert ids(log.read("churn")) == ["r-000001"]


def test_an_append_with_a_mark_below_the_stored_one_adds_nothing(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {"w": 5})
    log.append("churn", [record(2)], {"w": 4})
    assert ids(log.read("churn")) == ["r-000001"]
    assert log.mark("churn", "w") == 5


def test_a_mark_of_zero_is_a_mark(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {"w": 0})
    log.append("churn", [record(1)], {"w": 0})
    assert log.mark("churn", "w") == 0
    assert log.read("churn").num_rows == 1


def test_marks_of_several_writers_are_stored_together(log: PredictionLog) -> None:
    log.append("churn", [record(1), record(2)], {"a": 3, "b": 9})
    assert (log.mark("churn", "a"), log.mark("churn", "b"), log.mark("churn", "c")) == (3, 9, None)


def test_an_append_with_some_marks_stored_and_some_not_is_refused(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {"a": 1})
    with pytest.raises(LogUnavailable, match="some are not"):
        log.append("churn", [record(1), record(2)], {"a": 1, "b": 1})
    assert ids(log.read("churn")) == ["r-000001"]
    assert log.mark("churn", "b") is None


def test_an_append_without_marks_always_adds(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {})
    log.append("churn", [record(2)], {})
    assert log.read("churn").num_rows == 2


def test_models_are_kept_apart(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {"w": 1})
    assert log.mark("risk", "w") is None
    log.append("risk", [record(2, model="risk")], {"w": 1})
    assert ids(log.read("churn")) == ["r-000001"]
    assert ids(log.read("risk")) == ["r-000002"]


def test_rows_are_ordered_by_time_then_request_then_row_whatever_the_order_of_arrival(log: PredictionLog) -> None:
    log.append("churn", [record(5), record(3, rows=2)], {"w": 1})
    assert log.read("churn").num_rows == 3
    log.append("churn", [record(4), record(9, at=START), record(2, at=START)], {"w": 2})
    table = log.read("churn")
    assert list(zip(ids(table), table["row"].to_pylist(), strict=True)) == [
        ("r-000002", 0), ("r-000009", 0), ("r-000003", 0), ("r-000003", 1), ("r-000004", 0), ("r-000005", 0),
    ]  # fmt: skip


def test_a_window_holds_its_start_and_not_its_end(log: PredictionLog) -> None:
    log.append("churn", [record(number) for number in range(6)], {"w": 1})
    table = log.read("churn", START + timedelta(minutes=2), START + timedelta(minutes=4))
    assert ids(table) == ["r-000002", "r-000003"]
    assert ids(log.read("churn", START + timedelta(minutes=4))) == ["r-000004", "r-000005"]
    assert ids(log.read("churn", None, START + timedelta(minutes=1))) == ["r-000000"]
    assert log.read("churn", START + timedelta(days=9)).num_rows == 0


def test_only_the_columns_asked_for_are_read(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {"w": 1})
    assert log.read("churn", columns=["input_tenure", "date"]).to_pylist() == [{"input_tenure": 1.0, "date": date(2024, 5, 1)}]
    assert log.read("churn", START + timedelta(days=5), columns=["key"]).schema.names == ["key"]


def test_rows_with_times_of_their_own_are_kept_by_these(log: PredictionLog) -> None:
    late, early = datetime(2024, 3, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    log.append("churn", [record(1, rows=2, times=[late, early])], {"w": 1})
    table = log.read("churn", datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC))
    assert table.select(["time", "row", "date"]).to_pylist() == [{"time": early, "row": 1, "date": date(2024, 3, 1)}]
    assert log.span("churn") == (early, late, 2)


def test_the_date_is_that_of_utc(log: PredictionLog) -> None:
    at = datetime(2024, 5, 2, 1, 30, tzinfo=timezone(timedelta(hours=3)))
    log.append("churn", [record(1, at=at)], {"w": 1})
    start, end = (at.replace(minute=minute) for minute in (0, 59))
    assert log.read("churn", start, end)["date"].to_pylist() == [date(2024, 5, 1)]


def test_times_finds_every_row_of_the_requests_and_no_other(log: PredictionLog) -> None:
    for number in range(4):
        log.append("churn", [record(number, rows=2)], {"w": number})
    found = log.times("churn", ["r-000003", "r-000001", "r-000001", "unknown", "", "zzz"])
    assert set(found.schema.names) == {"request_id", "row", "time", "key"}
    assert sorted((row["request_id"], row["row"], row["time"], row["key"]) for row in found.to_pylist()) == [
        (f"r-00000{number}", row, START + timedelta(minutes=number), f"k-{number}") for number in (1, 3) for row in (0, 1)
    ]


def test_a_request_that_was_recorded_in_two_parts_is_found_whole(log: PredictionLog) -> None:
    log.append("churn", [record(1)], {"w": 1})
    assert log.times("churn", ["r-000001"]).num_rows == 1
    log.append("churn", [record(1, at=START + timedelta(days=3))], {"w": 2})
    assert log.times("churn", ["r-000001"]).num_rows == 2


def test_the_span_counts_all_rows_and_knows_microseconds(log: PredictionLog) -> None:
    first, last = START + timedelta(microseconds=1), START + timedelta(days=2, microseconds=999)
    log.append("churn", [record(1, at=last, rows=3)], {"w": 1})
    log.append("churn", [record(2, at=first)], {"w": 2})
    assert log.span("churn") == (first, last, 4)


def test_compaction_changes_no_row_and_no_mark(log: PredictionLog) -> None:
    for number in range(12):
        log.append("churn", [record(number, rows=2)], {"w": number + 1})
    before = log.read("churn")
    log.compact("churn")
    assert log.read("churn").equals(before)
    assert log.mark("churn", "w") == 12
    log.append("churn", [record(0)], {"w": 12})
    log.append("churn", [record(12)], {"w": 13})
    assert log.read("churn").num_rows == 25


def test_class_names_are_kept_as_text(opened: Open) -> None:
    log = opened({"churn": LogShape(inputs={}, text_prediction=True)})
    log.append("churn", [record(1, prediction=["gold"])], {"w": 1})
    assert log.read("churn")["prediction"].to_pylist() == ["gold"]


def test_whole_numbers_beyond_a_double_are_kept_as_near_as_a_double_can(log: PredictionLog) -> None:
    log.append("churn", [record(1, inputs={"tenure": [2**60 + 1]})], {"w": 1})
    assert log.read("churn")["input_tenure"].to_pylist() == [float(2**60)]


def test_rows_of_before_a_new_feature_are_missing_in_it(opened: Open) -> None:
    log = opened({"churn": LogShape(inputs={"tenure": "number", "region": "text"})})
    log.append("churn", [record(1)], {"w": 1})
    log.append("churn", [record(2, inputs={"tenure": [1.0], "region": ["north"]})], {"w": 2})
    assert log.read("churn", columns=["input_tenure", "input_region"]).to_pylist() == [
        {"input_tenure": 1.0, "input_region": None},
        {"input_tenure": 1.0, "input_region": "north"},
    ]


def test_a_value_of_another_type_than_declared_stops_nothing_and_is_never_bent(log: PredictionLog) -> None:
    """A record of before a change of the project, still on its way when the new declaration reads it."""
    log.append("churn", [record(1), record(2, inputs={"tenure": ["12"], "senior": [1.0]}, prediction=["gold"]), record(3)], {"w": 1})
    table = log.read("churn", columns=["input_tenure", "input_senior", "prediction"])
    assert table.to_pylist() == [
        {"input_tenure": 1.0, "input_senior": False, "prediction": 1.0},
        {"input_tenure": None, "input_senior": None, "prediction": None},
        {"input_tenure": 3.0, "input_senior": False, "prediction": 1.0},
    ]


def test_records_of_a_model_that_is_not_declared_are_kept(opened: Open) -> None:
    log = opened({})
    log.append("gone", [record(1, model="gone"), record(2, model="gone", inputs={"other": ["x"]})], {"w": 1})
    assert ids(log.read("gone")) == ["r-000001", "r-000002"]
    assert log.span("gone") == (START + timedelta(minutes=1), START + timedelta(minutes=2), 2)


def test_features_whose_names_differ_in_case_only_are_both_kept(opened: Open) -> None:
    log = opened({"churn": LogShape(inputs={"Tenure": "number", "tenure": "number"})})
    for number in (1, 2):
        log.append("churn", [record(number, inputs={"tenure": [1.0], "Tenure": [2.0]})], {"w": number})
    assert log.read("churn", columns=["input_Tenure", "input_tenure"]).to_pylist() == [{"input_Tenure": 2.0, "input_tenure": 1.0}] * 2


@pytest.mark.parametrize("name", ["a b", "a;b", "", "é", "a.b", "a`b", 'a"b', "a%20b", "x" * 300])
def test_an_inputs_name_may_be_any_text(opened: Open, name: str) -> None:
    log = opened({"churn": LogShape(inputs={name: "number"})})
    for number in (1, 2):
        log.append("churn", [record(number, inputs={name: [1.5]})], {"w": number})
    assert log.read("churn")[f"input_{name}"].to_pylist() == [1.5, 1.5]
