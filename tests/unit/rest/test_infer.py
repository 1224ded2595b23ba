"""What a prediction body may look like, and what the answer does."""

from __future__ import annotations

import pytest

from farero.core.prediction import Answer, Served
from farero.core.schema import Fault
from farero.errors import BadInput
from farero.rest.infer import read_rows, served_json

SERVED = Served(request_id="r", model="m", version="1.0.0", predictions=(Answer(prediction=1, probability=0.8, risk_level="high"),))


def test_rows_and_one_bare_row_are_told_apart() -> None:
    assert read_rows({"rows": [{"a": 1}, {"a": 2}]}, 10) == ([{"a": 1}, {"a": 2}], False)
    assert read_rows({"a": 1}, 10) == ([{"a": 1}], True)


REFUSED = [
    ([], "wrong-type"),
    ("text", "wrong-type"),
    (None, "wrong-type"),
    (3, "wrong-type"),
    (True, "wrong-type"),
    ({"rows": {}}, "wrong-type"),
    ({"rows": []}, "empty"),
    ({"rows": [1] * 11}, "too-many-rows"),
    ({"rows": [{}], "model": "x"}, "unknown-field"),
]


@pytest.mark.row("S2")
@pytest.mark.parametrize(("value", "code"), REFUSED)
def test_any_other_shape_is_refused_with_a_code(value: object, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_rows(value, 10)
    assert [fault.code for fault in caught.value.faults if isinstance(fault, Fault)] == [code]


@pytest.mark.row("S1")
def test_one_bare_row_gets_its_prediction_beside_the_rest() -> None:
    head = {"request_id": "r", "model": "m", "version": "1.0.0"}
    one = {"prediction": 1, "probability": 0.8, "risk_level": "high"}
    assert served_json(SERVED, bare=True) == head | one
    assert served_json(SERVED, bare=False) == head | {"predictions": [one]}


def test_classes_come_with_the_probability_of_each() -> None:
    answer = Answer(prediction="a", probability=0.6, probabilities={"a": 0.6, "b": 0.4})
    served = Served(request_id="r", model="m", version="1", predictions=(answer,))
    assert served_json(served, bare=True)["probabilities"] == {"a": 0.6, "b": 0.4}
