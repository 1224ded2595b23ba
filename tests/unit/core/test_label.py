from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from farero.core.label import LabelSpec, decode_prediction, encode_labels

DAY = timedelta(days=1)
LATE = LabelSpec(name="late", kind="binary", arrives_within=DAY)
CHURN = LabelSpec(name="Churn", kind="binary", arrives_within=DAY, positive="Yes")
COUNT = LabelSpec(name="cnt", kind="number", arrives_within=DAY)
PLAN = LabelSpec(name="plan", kind="classes", arrives_within=DAY, classes=("a", "b", "3"))


def _same(got: list[float], expected: list[float]) -> bool:
    return [str(value) for value in got] == [str(value) for value in expected]


@pytest.mark.parametrize("raw", [1, 1.0, True, "1", "1.0"[:1], "true", "TRUE", "Yes", " yes "])
def test_the_usual_words_for_yes_are_one(raw: object) -> None:
    assert encode_labels(LATE, [raw])[0].tolist() == [1.0]


@pytest.mark.parametrize("raw", [0, 0.0, False, "0", "false", "No"])
def test_the_usual_words_for_no_are_zero(raw: object) -> None:
    assert encode_labels(LATE, [raw])[0].tolist() == [0.0]


@pytest.mark.parametrize("spec", [LATE, CHURN, COUNT, PLAN])
def test_what_has_not_arrived_is_nan_and_no_fault(spec: LabelSpec) -> None:
    values, faults = encode_labels(spec, [None, math.nan, "", "NA"])
    assert np.isnan(values).all()
    assert faults == ()


@pytest.mark.row("L5")
@pytest.mark.parametrize(
    ("spec", "raw"),
    [(LATE, 2), (LATE, "maybe"), (LATE, [1]), (CHURN, []), (COUNT, "many"), (COUNT, math.inf), (COUNT, True), (PLAN, "c"), (PLAN, {})],
)
def test_what_is_no_label_is_named_and_left_out(spec: LabelSpec, raw: object) -> None:
    values, faults = encode_labels(spec, [raw, None])
    assert np.isnan(values).all()
    assert [fault.path for fault in faults] == ["labels[0]"]
    assert faults[0].message


def test_a_positive_text_of_one_s_own_is_one_and_every_other_text_zero() -> None:
    assert encode_labels(CHURN, ["Yes", "No", " Yes ", True, False])[0].tolist() == [1.0, 0.0, 1.0, 1.0, 0.0]
    income = LabelSpec(name="income", kind="binary", arrives_within=DAY, positive=">50K")
    assert encode_labels(income, [">50K", "<=50K"])[0].tolist() == [1.0, 0.0]
    two = LabelSpec(name="two", kind="binary", arrives_within=DAY, positive="2")
    assert encode_labels(two, [1, 2, 2.0, "2"])[0].tolist() == [0.0, 1.0, 1.0, 1.0]


def test_with_both_texts_named_any_other_is_a_fault() -> None:
    both = LabelSpec(name="Churn", kind="binary", arrives_within=DAY, positive="Yes", negative="No")
    values, faults = encode_labels(both, ["Yes", "No", True, None, "Maybe", "no", 1, False])
    assert _same(values.tolist(), [1.0, 0.0, 1.0, math.nan, math.nan, math.nan, math.nan, 0.0])
    assert [str(fault) for fault in faults] == [
        "labels[4]: is 'Maybe', neither 'Yes' nor 'No'",
        "labels[5]: is 'no'; did you mean 'No'?",
        "labels[6]: is '1', neither 'Yes' nor 'No'",
    ]


@pytest.mark.parametrize("raw", ["yes", "YES", "Y es"])
def test_a_text_that_is_nearly_the_positive_one_is_not_taken_for_no(raw: str) -> None:
    values, faults = encode_labels(CHURN, [raw])
    assert np.isnan(values).all()
    assert faults[0].message == f"is {raw!r}; did you mean 'Yes'?"


def test_one_and_true_do_not_stand_for_each_other() -> None:
    assert _same(encode_labels(COUNT, [1, True, 1.0])[0].tolist(), [1.0, math.nan, 1.0])


def test_numbers_are_taken_as_they_are() -> None:
    assert encode_labels(COUNT, np.array([1, 2, 3]))[0].tolist() == [1.0, 2.0, 3.0]
    assert _same(encode_labels(COUNT, np.array([1.5, np.nan]))[0].tolist(), [1.5, math.nan])
    assert encode_labels(COUNT, ["1.5", 2])[0].tolist() == [1.5, 2.0]
    assert [fault.code for fault in encode_labels(COUNT, np.array([1.5, np.inf]))[1]] == ["not-finite"]


def test_classes_become_their_place_in_the_declaration() -> None:
    assert encode_labels(PLAN, ["b", "a", 3, "3"])[0].tolist() == [1.0, 0.0, 2.0, 2.0]


def test_predictions_are_spelt_as_people_read_them() -> None:
    assert decode_prediction(LATE, np.array([0.0, 1.0])) == [0, 1]
    assert decode_prediction(PLAN, np.array([2.0, 0.0])) == ["3", "a"]
    assert decode_prediction(COUNT, np.array([2.5])) == [2.5]
