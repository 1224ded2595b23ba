from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from tests.records import record

from farero.core.record_table import conform, in_order, stored_name, table_schema, to_table

NUMBER = pa.field("input_zip", pa.float64())
TEXT = pa.field("input_zip", pa.string())


def test_the_columns_follow_the_declaration() -> None:
    schema = table_schema({"b": "flag", "a": "date"}, text_prediction=True)
    assert schema.names[-2:] == ["input_b", "input_a"]
    assert schema.field("prediction").type == pa.string()
    assert table_schema({}, text_prediction=False).field("prediction").type == pa.float64()


def test_no_records_give_no_rows() -> None:
    table = to_table([], {"tenure": "number"}, text_prediction=False)
    assert table.num_rows == 0
    assert table.schema.field("input_tenure").type == pa.float64()


def test_a_column_without_a_value_has_the_declared_type() -> None:
    table = to_table([record(1, inputs={"tenure": [None]})], {"tenure": "number"}, text_prediction=False)
    assert table.schema.field("input_tenure").type == pa.float64()


def test_an_input_that_a_record_does_not_have_is_missing_in_its_rows() -> None:
    table = to_table([record(1, rows=2, inputs={}), record(2, inputs={"tenure": [7]})], {"tenure": "number"}, text_prediction=False)
    assert table["input_tenure"].to_pylist() == [None, None, 7.0]


def test_true_is_not_made_a_number() -> None:
    table = to_table([record(1, rows=2, inputs={"tenure": [True, 2.5]})], {"tenure": "number"}, text_prediction=False)
    assert table["input_tenure"].to_pylist() == [None, 2.5]
    assert table["input_tenure__flag"].to_pylist() == [True, None]


def test_a_date_that_is_none_is_kept_as_the_text_it_is() -> None:
    table = to_table([record(1, inputs={"since": ["yesterday"]})], {"since": "date"}, text_prediction=False)
    assert table["input_since"].to_pylist() == ["yesterday"]


def test_dates_may_come_as_text_with_any_zone_or_as_times() -> None:
    values = ["2024-05-01T13:00:00+02:00", datetime(2024, 5, 1, 12, tzinfo=UTC), None]
    table = to_table([record(1, rows=3, inputs={"since": values})], {"since": "date"}, text_prediction=False)
    assert table["input_since"].to_pylist() == [datetime(2024, 5, 1, 11, tzinfo=UTC), datetime(2024, 5, 1, 12, tzinfo=UTC), None]


def test_a_column_of_the_log_that_has_another_type_is_left_alone() -> None:
    table = to_table([record(1, inputs={"zip": ["0123"]})], {"zip": "text"}, text_prediction=False, stored={"input_zip": pa.float64()})
    assert "input_zip" not in table.column_names
    assert table["input_zip__text"].to_pylist() == ["0123"]


def test_a_field_is_looked_for_under_its_name_and_beside_it() -> None:
    assert stored_name(NUMBER, {"input_zip": pa.float64()}) == "input_zip"
    assert stored_name(TEXT, {"input_zip": pa.float64(), "input_zip__text": pa.string()}) == "input_zip__text"
    assert stored_name(TEXT, {"input_zip": pa.float64()}) is None


def test_a_table_is_made_to_fit_a_schema() -> None:
    table = pa.table({"input_zip": [1.5], "more": ["x"]})
    assert conform(table, pa.schema([NUMBER, pa.field("key", pa.string())])).to_pylist() == [{"input_zip": 1.5, "key": None}]


def test_rows_are_put_in_order() -> None:
    table = to_table([record(2), record(1, rows=2), record(0, at=record(2).time)], {}, text_prediction=False)
    assert list(zip(in_order(table)["request_id"].to_pylist(), in_order(table)["row"].to_pylist(), strict=True)) == [
        ("r-000001", 0), ("r-000001", 1), ("r-000000", 0), ("r-000002", 0),
    ]  # fmt: skip


def test_keys_of_any_type_are_kept_as_text() -> None:
    table = to_table([record(1, rows=3, keys=[7, "seven", None]), record(2, keys=[8])], {}, text_prediction=False)
    assert table["key"].to_pylist() == ["7", "seven", None, "8"]


def test_what_a_request_has_once_is_repeated_in_each_of_its_rows() -> None:
    table = to_table([record(1), record(2, rows=3), record(3, rows=0), record(4, status="shadow")], {}, text_prediction=False)
    assert table["request_id"].to_pylist() == ["r-000001", "r-000002", "r-000002", "r-000002", "r-000004"]
    assert table["row"].to_pylist() == [0, 0, 1, 2, 0]
    assert table["status"].to_pylist() == ["ok", "ok", "ok", "ok", "shadow"]
