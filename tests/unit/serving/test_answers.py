from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from farero.core.label import LabelSpec
from farero.errors import PredictFailed
from farero.serving.answers import class_order, numbers, outputs, shares, values, width

BINARY = LabelSpec(name="cancelled", kind="binary", arrives_within=timedelta(days=1))
NUMBER = LabelSpec(name="cnt", kind="number", arrives_within=timedelta(days=1))
CLASSES = LabelSpec(name="plan", kind="classes", arrives_within=timedelta(days=1), classes=("a", "b", "c"))


def test_a_model_s_columns_are_found_by_its_classes() -> None:
    assert class_order(["c", "a"], CLASSES).tolist() == [2, 0]  # type: ignore[union-attr]
    assert class_order([True, False], BINARY).tolist() == [1, 0]  # type: ignore[union-attr]
    assert class_order(None, CLASSES).tolist() == [0, 1, 2]  # type: ignore[union-attr]


def test_a_class_that_the_label_has_not_is_refused() -> None:
    with pytest.raises(PredictFailed, match="'d'"):
        class_order(["a", "d"], CLASSES)


def test_a_class_that_the_model_never_saw_has_no_chance() -> None:
    given = shares(np.array([[0.25, 0.75]]), 1, np.array([2, 0]), CLASSES)
    assert given.tolist() == [[0.75, 0.0, 0.25]]


def test_what_is_no_probability_is_refused() -> None:
    for nonsense in ([[0.5, 0.6]], [[-0.1, 1.1]], [[1.0]]):
        with pytest.raises(PredictFailed):
            shares(np.array(nonsense), 1, np.array([0, 1]), BINARY)


def test_numbers_are_finite_and_one_a_row() -> None:
    assert values(numbers([[1], [2]], "predict"), 2).tolist() == [1.0, 2.0]
    with pytest.raises(PredictFailed, match="NaN"):
        numbers([np.nan], "predict")
    with pytest.raises(PredictFailed, match="no number"):
        numbers(["much"], "predict")
    with pytest.raises(PredictFailed, match="3 answers to 2"):
        values(np.zeros(3), 2)


def test_outputs_name_the_most_probable_class() -> None:
    given = outputs(CLASSES, np.array([[0.2, 0.5, 0.3]]))
    assert given.value.tolist() == [1.0]
    assert given.probability is not None and given.probability.tolist() == [0.5]
    assert outputs(BINARY, np.array([[0.5, 0.5]])).value.tolist() == [1.0]
    assert outputs(NUMBER, np.array([3.5])).probability is None
    assert [width(label) for label in (BINARY, CLASSES)] == [2, 3]
