from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVR
from tests.unit.serving.compile.made import BINARY, CHOICES, CLASSES, FLAGS, FULL, NUMBER, NUMBERS, SCHEMA, compared, labels, matrix, seen

from farero.core.label import LabelSpec
from farero.serving.compile import NotCompiled, compile_model

ROWS = matrix(500)


def _prepared(model: Any, **encoder: Any) -> Any:
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
            (OneHotEncoder(**({"handle_unknown": "ignore"} | encoder)), CHOICES),
            (SimpleImputer(strategy="most_frequent"), FLAGS[1:]),
            remainder="passthrough",
        ),
        model,
    )


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (LogisticRegression(), BINARY),
        (LogisticRegression(), CLASSES),
        (LogisticRegression(solver="liblinear"), BINARY),
        (SGDClassifier(loss="log_loss", random_state=0), BINARY),
        (SGDClassifier(loss="log_loss", random_state=0), CLASSES),
        (LinearRegression(), NUMBER),
        (Ridge(), NUMBER),
        (Lasso(alpha=0.01), NUMBER),
        (ElasticNet(alpha=0.01), NUMBER),
        (SGDRegressor(random_state=0), NUMBER),
        (HuberRegressor(max_iter=1000), NUMBER),
        (LinearSVR(random_state=0), NUMBER),
        (PoissonRegressor(), NUMBER),
        (GammaRegressor(), NUMBER),
        (TweedieRegressor(power=1.5), NUMBER),
        (TweedieRegressor(power=0), NUMBER),
    ],
    ids=lambda value: f"{type(value).__name__}" if not isinstance(value, LabelSpec) else value.kind,
)
def test_linear_models_answer_as_the_original(model: Any, label: LabelSpec) -> None:
    fitted = _prepared(model).fit(seen(ROWS), labels(ROWS, label))
    compared(fitted, label, matrix(400, 3), within=1e-11, relative=True)


def test_models_without_choices_and_without_numbers_are_compiled_too() -> None:
    rows = matrix(300, 4, FULL)
    compared(BayesianRidge().fit(seen(rows, FULL), labels(rows, NUMBER)), NUMBER, rows, FULL, within=1e-11)
    cv = LogisticRegressionCV(cv=2, Cs=2, l1_ratios=(0.0,), use_legacy_attributes=False, scoring="neg_log_loss")
    compared(cv.fit(seen(rows, FULL), labels(rows, BINARY)), BINARY, rows, FULL)
    only = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), CHOICES))
    compared(make_pipeline(only, LogisticRegression()).fit(seen(ROWS), labels(ROWS, BINARY)), BINARY, ROWS)


def test_a_row_that_the_original_refuses_has_no_answer() -> None:
    known = ROWS[ROWS[:, 3] >= 0]
    fitted = _prepared(LogisticRegression(), handle_unknown="error").fit(seen(known), labels(known, BINARY))
    with pytest.raises(ValueError, match="unknown categories"):
        fitted.predict_proba(seen(ROWS))
    engine = compile_model(fitted, BINARY, SCHEMA)
    assert np.isnan(engine.answers(ROWS)[:, 0]).tolist() == (ROWS[:, 3] < 0).tolist()
    bare = make_pipeline(StandardScaler(), LinearRegression()).fit(seen(known)[["a", "month"]], labels(known, NUMBER))
    with pytest.raises(NotCompiled, match="2 columns"):
        compile_model(bare, NUMBER, SCHEMA)


def test_a_gap_reaches_no_linear_model() -> None:
    full = ROWS[~np.isnan(ROWS[:, 1])]
    kept = make_column_transformer(("passthrough", NUMBERS))
    fitted = make_pipeline(kept, Ridge()).fit(seen(full), labels(full, NUMBER))
    assert np.isnan(compile_model(fitted, NUMBER, SCHEMA).answers(ROWS)[:, 0]).tolist() == np.isnan(ROWS[:, 1]).tolist()


def test_what_answers_no_probabilities_as_scikit_learn_does_is_refused() -> None:
    rows = matrix(200, 4, FULL)
    x = seen(rows, FULL)
    with pytest.raises(NotCompiled, match="modified_huber"):
        compile_model(SGDClassifier(loss="modified_huber", random_state=0).fit(x, labels(rows, BINARY)), BINARY, FULL)
    y = labels(rows, NUMBER)
    with pytest.raises(NotCompiled, match="several outputs"):
        compile_model(LinearRegression().fit(x, np.column_stack([y, y])), NUMBER, FULL)
