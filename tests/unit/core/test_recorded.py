from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import pytest
from tests.records import START, record

from farero.core.recorded import Recorded


def test_records_become_columns_in_their_order() -> None:
    columns = Recorded.of([record(1, rows=2, keys=["a", None]), record(2, probability=None, keys=None, status="shadow", version="2.0.0")])
    assert columns.rows == 3
    assert columns.counts == [2, 1]
    assert columns.request_id == ["r-000001", "r-000002"]
    assert (columns.version, columns.status) == (["1.0.0", "2.0.0"], ["ok", "shadow"])
    assert columns.time == [record(1).time] * 2 + [record(2).time]
    assert columns.key == ["a", None, None]
    assert columns.probability == [0.75, 0.75, None]
    assert columns.inputs["tenure"] == [1.0, 2.0, 2.0]


def test_times_of_rows_take_the_place_of_the_requests_time() -> None:
    times = [START, START + timedelta(hours=1)]
    assert Recorded.of([record(1, rows=2, times=times)]).time == times


def test_an_input_that_comes_or_goes_is_none_where_it_is_not() -> None:
    first, second, third = record(1, inputs={"a": [1]}), record(2, rows=2, inputs={"b": [2, 3]}), record(3, inputs={"b": [4], "a": [5]})
    assert Recorded.of([first, second, third]).inputs == {"a": [1, None, None, 5], "b": [None, 2, 3, 4]}
    joined = Recorded.of([first])
    joined.extend(Recorded.of([second, third]))
    assert joined == Recorded.of([first, second, third])


def test_joining_is_the_same_as_having_had_all_at_once() -> None:
    records = [record(number, rows=1 + number % 3) for number in range(7)]
    joined = Recorded.of(records[:3])
    joined.extend(Recorded.of(records[3:]))
    joined.extend(Recorded())
    assert joined == Recorded.of(records)
    assert {len(values) for name, values in asdict(joined).items() if name in {"time", "prediction", "probability", "key"}} == {joined.rows}


@pytest.mark.parametrize("crooked", [{"inputs": {"a": [1], "b": []}}, {"probability": [0.1, 0.2]}, {"keys": []}, {"times": []}])
def test_a_record_whose_lists_are_not_of_one_length_adds_nothing(crooked: dict[str, object]) -> None:
    columns = Recorded.of([record(1)])
    each = record(2, **crooked)
    values = (each.inputs, each.prediction, each.probability, each.keys, 1, "ok", each.times)
    with pytest.raises(ValueError, match="r-000002"):
        columns.add(each.version, each.request_id, each.endpoint, each.time, *values)
    assert columns == Recorded.of([record(1)])
