from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from tests.unit.serving.compile.made import BINARY, CHOICES, CLASSES, FULL, NUMBER, SCHEMA, compared, labels, matrix, neighbours, seen

from farero.core.label import LabelSpec
from farero.serving.compile import NotCompiled, compile_model

ROWS = matrix(800)
SMALL: dict[str, Any] = {"enable_categorical": True, "n_jobs": 1, "max_cat_to_onehot": 3}
CODES = {"x": 0, "y": 1, "z": 2}


def _labels(label: LabelSpec) -> Any:
    raw = labels(ROWS, label)
    return np.array([CODES[one] for one in raw]) if label.kind == "classes" else raw


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (xgboost.XGBClassifier(n_estimators=30, **SMALL), BINARY),
        (xgboost.XGBClassifier(n_estimators=10, base_score=0.2, num_parallel_tree=3, subsample=0.7, **SMALL), BINARY),
        (xgboost.XGBRegressor(n_estimators=30, **SMALL), NUMBER),
        (xgboost.XGBRegressor(n_estimators=9, objective="count:poisson", **SMALL), NUMBER),
        (xgboost.XGBRegressor(n_estimators=9, objective="reg:gamma", tree_method="exact", max_depth=3, n_jobs=1), NUMBER),
        (xgboost.XGBRegressor(n_estimators=9, objective="reg:absoluteerror", **SMALL), NUMBER),
    ],
    ids=lambda value: f"{value.objective}-{value.base_score}" if not isinstance(value, LabelSpec) else value.kind,
)
def test_xgboost_answers_as_the_original(model: Any, label: LabelSpec) -> None:
    plain = model.tree_method == "exact"
    rows, schema = (matrix(800, 4, FULL), FULL) if plain else (ROWS, SCHEMA)
    fitted = model.fit(seen(rows, schema), labels(rows, label))
    compared(fitted, label, matrix(600, 5, schema), schema, within=5e-7, relative=True)


def test_sums_are_rounded_as_the_original_rounds_them() -> None:
    fitted = xgboost.XGBRegressor(n_estimators=60, **SMALL).fit(seen(ROWS), labels(ROWS, NUMBER) * 1000)
    compared(fitted, NUMBER, matrix(600, 5), within=0.0)


def test_classes_are_answered_by_their_place() -> None:
    label = LabelSpec(name="y", kind="classes", arrives_within=CLASSES.arrives_within, classes=("0", "1", "2"))
    fitted = xgboost.XGBClassifier(n_estimators=10, **SMALL).fit(seen(ROWS), _labels(CLASSES))
    rows = matrix(400, 6)
    got = compile_model(fitted, label, SCHEMA).answers(rows)
    want = fitted.predict_proba(seen(rows))
    assert np.abs(got - want).max() <= 5e-7
    assert (got.argmax(axis=1) == want.argmax(axis=1)).all()


def test_only_the_rounds_up_to_the_best_answer() -> None:
    fitted = xgboost.XGBRegressor(n_estimators=80, early_stopping_rounds=3, learning_rate=0.5, **SMALL)
    fitted.fit(seen(ROWS), labels(ROWS, NUMBER), eval_set=[(seen(matrix(300, 9)), labels(matrix(300, 9), NUMBER))], verbose=False)
    assert fitted.best_iteration < 76
    compared(fitted, NUMBER, ROWS, within=0.0)


def test_a_number_on_a_threshold_or_beside_it_goes_where_the_original_sends_it() -> None:
    rows = matrix(600, 2, FULL)
    fitted = xgboost.XGBRegressor(n_estimators=20, n_jobs=1).fit(seen(rows, FULL), labels(rows, NUMBER))
    splits = fitted.get_booster().trees_to_dataframe()
    for feature in range(2):
        cuts = splits.loc[splits["Feature"] == "pq"[feature], "Split"].to_numpy(dtype=np.float64)
        assert len(cuts) > 20
        compared(fitted, NUMBER, neighbours(rows, cuts, feature), FULL, within=0.0)


def test_zeros_of_a_sparse_matrix_are_missing_as_they_are_to_the_original() -> None:
    one_hot = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [*CHOICES, "month"]), sparse_threshold=1.0)
    model = make_pipeline(one_hot, xgboost.XGBRegressor(n_estimators=10, n_jobs=1)).fit(seen(ROWS), labels(ROWS, NUMBER))
    compared(model, NUMBER, matrix(300, 3), within=0.0)


def test_what_is_not_compiled_is_refused_with_its_reason() -> None:
    rows = matrix(200, 2, FULL)
    x, y = seen(rows, FULL), labels(rows, NUMBER)
    with pytest.raises(NotCompiled, match="gblinear"):
        compile_model(xgboost.XGBRegressor(n_estimators=2, booster="gblinear", n_jobs=1).fit(x, y), NUMBER, FULL)
    with pytest.raises(NotCompiled, match="a number for missing"):
        compile_model(xgboost.XGBRegressor(n_estimators=2, missing=0.0).fit(x, y), NUMBER, FULL)
    with pytest.raises(NotCompiled, match="reg:squaredlogerror"):
        compile_model(xgboost.XGBRegressor(n_estimators=2, objective="reg:squaredlogerror").fit(x, y), NUMBER, FULL)
