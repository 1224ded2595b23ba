from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC
from tests.unit.serving.compile.made import BINARY, CLASSES, FULL, NUMBER, compared, labels, matrix, seen

from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.errors import PredictFailed
from farero.serving.compile import NotCompiled, compile_model

ROWS = matrix(300, 1, FULL)


def test_outputs_are_the_original_s() -> None:
    columns = to_columns(FULL, ROWS)
    model = LogisticRegression().fit(seen(ROWS, FULL), labels(ROWS, BINARY))
    given = compile_model(model, BINARY, FULL).predict(columns, len(ROWS))
    assert given.value.tolist() == model.predict(seen(ROWS, FULL)).tolist()
    assert given.probability is not None
    assert np.abs(given.probability - model.predict_proba(seen(ROWS, FULL))[:, 1]).max() < 1e-14
    number = compile_model(LinearRegression().fit(seen(ROWS, FULL), labels(ROWS, NUMBER)), NUMBER, FULL)
    assert number.predict(columns, len(ROWS)).probability is None
    assert len(number.predict(to_columns(FULL, ROWS[:0]), 0).value) == 0


@pytest.mark.parametrize("flipped", [[True, False], ["1", "0"]])
def test_classes_are_found_by_their_names(flipped: list[object]) -> None:
    y = np.where(labels(ROWS, BINARY) == 1, *flipped)
    model = LogisticRegression().fit(seen(ROWS, FULL), y)
    compared(model, BINARY, ROWS, FULL)


def test_a_class_that_training_never_met_has_no_chance() -> None:
    wider = LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("w", "z", "y", "x"))
    compared(LogisticRegression().fit(seen(ROWS, FULL), labels(ROWS, CLASSES)), wider, ROWS, FULL)
    with pytest.raises(PredictFailed, match="'x'"):
        compile_model(
            LogisticRegression().fit(seen(ROWS, FULL), labels(ROWS, CLASSES)),
            LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("z", "y")), FULL,
        )  # fmt: skip


def test_a_model_of_the_wrong_kind_or_of_an_unknown_one_is_refused() -> None:
    classifier = LogisticRegression().fit(seen(ROWS, FULL), labels(ROWS, BINARY))
    with pytest.raises(NotCompiled, match="label is a number"):
        compile_model(classifier, NUMBER, FULL)
    with pytest.raises(NotCompiled, match="label has classes"):
        compile_model(LinearRegression().fit(seen(ROWS, FULL), labels(ROWS, NUMBER)), BINARY, FULL)
    with pytest.raises(NotCompiled, match="SVC is not among the models"):
        compile_model(SVC().fit(seen(ROWS, FULL), labels(ROWS, BINARY)), BINARY, FULL)
