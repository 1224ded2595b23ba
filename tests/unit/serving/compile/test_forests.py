from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.unit.serving.compile.made import BINARY, CLASSES, FULL, NUMBER, SCHEMA, compared, labels, matrix, neighbours, seen

from farero.core.label import LabelSpec
from farero.serving.compile import NotCompiled, compile_model

ROWS = matrix(600)
PLAIN = matrix(600, 1, FULL)


def _prepared(model: Any) -> Any:
    return make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["colour", "size"]), remainder="passthrough"), model
    )


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (DecisionTreeClassifier(random_state=0), BINARY),
        (DecisionTreeClassifier(max_depth=4, random_state=0), CLASSES),
        (DecisionTreeRegressor(random_state=0), NUMBER),
        (RandomForestClassifier(21, random_state=0), BINARY),
        (RandomForestClassifier(21, random_state=0), CLASSES),
        (RandomForestRegressor(37, random_state=0), NUMBER),
        (ExtraTreesClassifier(5, random_state=0), CLASSES),
        (ExtraTreesRegressor(16, random_state=0), NUMBER),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, LabelSpec) else value.kind,
)
def test_forests_answer_to_the_last_bit(model: Any, label: LabelSpec) -> None:
    fitted = _prepared(model).fit(seen(ROWS), labels(ROWS, label))
    compared(fitted, label, matrix(500, 7), within=0.0)


def test_a_value_on_a_threshold_or_beside_it_goes_where_the_original_sends_it() -> None:
    model = RandomForestRegressor(15, random_state=0).fit(seen(PLAIN, FULL), labels(PLAIN, NUMBER))
    for feature in range(5):
        cuts = np.concatenate([one.tree_.threshold[one.tree_.feature == feature] for one in model.estimators_])
        compared(model, NUMBER, neighbours(PLAIN, cuts, feature), FULL, within=0.0)


def test_a_gap_that_training_never_met_goes_the_way_of_most_rows() -> None:
    full = ROWS[~np.isnan(ROWS[:, 1])]
    fitted = _prepared(RandomForestClassifier(10, random_state=0)).fit(seen(full), labels(full, BINARY))
    compared(fitted, BINARY, ROWS, within=0.0)


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (GradientBoostingClassifier(n_estimators=30, random_state=0), BINARY),
        (GradientBoostingClassifier(n_estimators=10, loss="exponential", random_state=0), BINARY),
        (GradientBoostingClassifier(n_estimators=8, random_state=0), CLASSES),
        (GradientBoostingRegressor(n_estimators=33, random_state=0), NUMBER),
        (GradientBoostingRegressor(n_estimators=5, init="zero", loss="huber", random_state=0), NUMBER),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.loss}" if not isinstance(value, LabelSpec) else value.kind,
)
def test_gradient_boosting_answers_as_the_original(model: Any, label: LabelSpec) -> None:
    fitted = model.fit(seen(PLAIN, FULL), labels(PLAIN, label))
    compared(fitted, label, matrix(500, 9, FULL), FULL, within=1e-15 if label.kind != "number" else 0.0)


def test_gradient_boosting_leaves_a_gap_to_the_original() -> None:
    fitted = _prepared(GradientBoostingClassifier(n_estimators=5, random_state=0))
    full = ROWS[~np.isnan(ROWS[:, 1]) & (ROWS[:, 6] >= 0)]
    fitted.fit(seen(full), labels(full, BINARY))
    answers = compile_model(fitted, BINARY, SCHEMA).answers(ROWS)
    assert np.isnan(answers[:, 0]).tolist() == (np.isnan(ROWS[:, 1]) | (ROWS[:, 6] < 0)).tolist()


def test_a_number_too_large_for_float32_is_left_to_the_original() -> None:
    model = DecisionTreeRegressor(max_depth=3).fit(seen(PLAIN, FULL), labels(PLAIN, NUMBER))
    rows = PLAIN[:2].copy()
    rows[0, 0] = 1e39
    assert np.isnan(compile_model(model, NUMBER, FULL).answers(rows)[:, 0]).tolist() == [True, False]


def test_what_has_no_place_is_refused_with_its_reason() -> None:
    x, y = seen(PLAIN, FULL), labels(PLAIN, NUMBER)
    with pytest.raises(NotCompiled, match="several outputs"):
        compile_model(RandomForestRegressor(3).fit(x, np.column_stack([y, y])), NUMBER, FULL)
    with pytest.raises(NotCompiled, match="another model"):
        compile_model(GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(x, y), NUMBER, FULL)
