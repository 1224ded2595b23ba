from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from tests.unit.serving.compile.made import BINARY, CHOICES, CLASSES, FULL, NUMBER, compared, labels, matrix, neighbours, seen

from farero.core.label import LabelSpec

ROWS = matrix(800)


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (HistGradientBoostingClassifier(max_iter=30, random_state=0), BINARY),
        (HistGradientBoostingClassifier(max_iter=8, random_state=0), CLASSES),
        (HistGradientBoostingRegressor(max_iter=30, random_state=0), NUMBER),
        (HistGradientBoostingRegressor(max_iter=10, loss="poisson", random_state=0), NUMBER),
        (HistGradientBoostingRegressor(max_iter=10, loss="gamma", random_state=0), NUMBER),
        (HistGradientBoostingRegressor(max_iter=10, loss="absolute_error", random_state=0), NUMBER),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.loss}" if not isinstance(value, LabelSpec) else value.kind,
)
def test_choices_are_split_as_categories_and_gaps_as_gaps(model: Any, label: LabelSpec) -> None:
    fitted = model.set_params(min_samples_leaf=5).fit(seen(ROWS), labels(ROWS, label))
    assert any(one.nodes["is_categorical"].any() for stage in fitted._predictors for one in stage)
    compared(fitted, label, matrix(600, 5), within=1e-15, relative=True)


def test_a_level_that_training_never_met_is_a_gap() -> None:
    few = ROWS[ROWS[:, 3] != 4]
    fitted = HistGradientBoostingClassifier(max_iter=15, min_samples_leaf=5).fit(seen(few), labels(few, BINARY))
    compared(fitted, BINARY, ROWS, within=1e-15)


def test_a_number_on_a_threshold_or_beside_it_goes_where_the_original_sends_it() -> None:
    rows = matrix(600, 2, FULL)
    fitted = HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=5).fit(seen(rows, FULL), labels(rows, NUMBER))
    nodes = np.concatenate([one.nodes for stage in fitted._predictors for one in stage])
    for feature in range(2):
        cuts = nodes["num_threshold"][(nodes["feature_idx"] == feature) & (nodes["is_leaf"] == 0)]
        compared(fitted, NUMBER, neighbours(rows, cuts[np.isfinite(cuts)], feature), FULL, within=0.0)


def test_encoded_choices_and_numbers_may_be_categories_too() -> None:
    prepare = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), CHOICES), remainder="passthrough"
    )
    fitted = make_pipeline(prepare, HistGradientBoostingClassifier(max_iter=15, min_samples_leaf=5, categorical_features=[0, 4]))
    fitted.fit(seen(ROWS), labels(ROWS, BINARY))
    compared(fitted, BINARY, matrix(500, 8), within=1e-15)
