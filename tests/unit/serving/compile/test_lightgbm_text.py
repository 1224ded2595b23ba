from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from tests.unit.serving.compile.made import BINARY, CHOICES, CLASSES, FULL, NUMBER, SCHEMA, compared, labels, matrix, neighbours, seen

from farero.core.label import LabelSpec
from farero.serving.compile import NotCompiled, compile_model

ROWS = matrix(800)
QUIET: dict[str, Any] = {"verbose": -1, "n_jobs": 1, "min_child_samples": 5, "min_data_per_group": 5, "cat_smooth": 1.0}


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (lightgbm.LGBMClassifier(n_estimators=30, **QUIET), BINARY),
        (lightgbm.LGBMClassifier(n_estimators=8, **QUIET), CLASSES),
        (lightgbm.LGBMRegressor(n_estimators=30, **QUIET), NUMBER),
        (lightgbm.LGBMRegressor(n_estimators=9, objective="poisson", **QUIET), NUMBER),
        (lightgbm.LGBMRegressor(n_estimators=9, objective="tweedie", **QUIET), NUMBER),
        (lightgbm.LGBMClassifier(n_estimators=9, boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, **QUIET), BINARY),
        (lightgbm.LGBMRegressor(n_estimators=9, boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, **QUIET), NUMBER),
        (lightgbm.LGBMClassifier(n_estimators=9, boosting_type="dart", **QUIET), BINARY),
    ],
    ids=lambda value: f"{value.boosting_type}-{value.objective}" if not isinstance(value, LabelSpec) else value.kind,
)
def test_choices_are_split_as_categories_and_gaps_as_gaps(model: Any, label: LabelSpec) -> None:
    fitted = model.fit(seen(ROWS), labels(ROWS, label))
    compared(fitted, label, matrix(600, 5), within=1e-12, relative=True)


def test_a_gap_that_training_never_met_counts_as_zero() -> None:
    full = ROWS[~np.isnan(ROWS[:, 1])]
    fitted = lightgbm.LGBMRegressor(n_estimators=20, **QUIET).fit(seen(full), labels(full, NUMBER))
    compared(fitted, NUMBER, ROWS)


def test_a_number_on_a_threshold_or_beside_it_goes_where_the_original_sends_it() -> None:
    rows = matrix(600, 2, FULL)
    fitted = lightgbm.LGBMRegressor(n_estimators=20, **QUIET).fit(seen(rows, FULL), labels(rows, NUMBER))
    splits = fitted.booster_.trees_to_dataframe()
    for feature in range(2):
        cuts = splits.loc[splits["split_feature"] == "pq"[feature], "threshold"].to_numpy(dtype=np.float64)
        assert len(cuts) > 20
        compared(fitted, NUMBER, neighbours(rows, cuts, feature), FULL)


def test_a_booster_and_one_behind_a_pipeline_are_read_alike() -> None:
    data = lightgbm.Dataset(seen(ROWS), labels(ROWS, NUMBER), params={"verbose": -1})
    compared(lightgbm.train({"objective": "regression", **QUIET}, data, 10), NUMBER, ROWS)
    one_hot = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), CHOICES), remainder="passthrough")
    model = make_pipeline(one_hot, lightgbm.LGBMRegressor(n_estimators=10, **QUIET)).fit(seen(ROWS), labels(ROWS, NUMBER))
    compared(model, NUMBER, matrix(300, 3))


def test_what_is_not_compiled_is_refused_with_its_reason() -> None:
    x, y = seen(ROWS), labels(ROWS, NUMBER)
    with pytest.raises(NotCompiled, match="linear trees"):
        compile_model(lightgbm.LGBMRegressor(n_estimators=3, linear_tree=True, **QUIET).fit(x, y), NUMBER, SCHEMA)
    with pytest.raises(NotCompiled, match="zero for missing"):
        compile_model(lightgbm.LGBMRegressor(n_estimators=3, zero_as_missing=True, **QUIET).fit(x, y), NUMBER, SCHEMA)
    model = lightgbm.LGBMClassifier(n_estimators=3, objective="multiclassova", **QUIET).fit(x, labels(ROWS, CLASSES))
    with pytest.raises(NotCompiled, match="multiclassova"):
        compile_model(model, CLASSES, SCHEMA)
