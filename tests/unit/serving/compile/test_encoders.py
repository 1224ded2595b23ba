from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder
from sklearn.tree import DecisionTreeRegressor
from tests.unit.serving.compile.made import CLASSES, NUMBER, SCHEMA, compared, labels, matrix, seen

from farero.serving.compile import NotCompiled, compile_model

ROWS = matrix(500)
ALL = ["colour", "size", "month", "paid", "new"]


@pytest.mark.parametrize(
    "settings",
    [
        {"handle_unknown": "ignore"},
        {"handle_unknown": "ignore", "drop": "first"},
        {"handle_unknown": "ignore", "drop": "if_binary", "sparse_output": False},
        {"handle_unknown": "infrequent_if_exist", "min_frequency": 60},
        {"handle_unknown": "infrequent_if_exist", "max_categories": 3, "drop": "first"},
        {"handle_unknown": "ignore", "max_categories": 3},
        {"handle_unknown": "warn", "min_frequency": 90},
    ],
    ids=str,
)
def test_one_hot_columns_are_those_of_the_original(settings: dict[str, Any]) -> None:
    few = ROWS[(ROWS[:, 3] != 4) & (ROWS[:, 2] != 12)]
    for model in (Ridge(), DecisionTreeRegressor(random_state=0)):
        fitted = make_pipeline(make_column_transformer((OneHotEncoder(**settings), ALL)), model).fit(seen(few), labels(few, NUMBER))
        compared(fitted, NUMBER, ROWS, within=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"handle_unknown": "use_encoded_value", "unknown_value": -1},
        {"handle_unknown": "use_encoded_value", "unknown_value": np.nan, "encoded_missing_value": -5},
        {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -2, "min_frequency": 60},
        {"handle_unknown": "use_encoded_value", "unknown_value": 99, "max_categories": 3, "dtype": np.float32},
    ],
    ids=str,
)
def test_ordinal_numbers_are_those_of_the_original(settings: dict[str, Any]) -> None:
    few = ROWS[(ROWS[:, 3] != 4) & (ROWS[:, 2] != 12)]
    encoded = make_column_transformer((OrdinalEncoder(**settings), ALL))
    compared(make_pipeline(encoded, DecisionTreeRegressor(random_state=0)).fit(seen(few), labels(few, NUMBER)), NUMBER, ROWS, within=0.0)


def test_means_of_the_label_are_those_of_the_original() -> None:
    few = ROWS[ROWS[:, 3] != 4]
    encoded = make_column_transformer((TargetEncoder(cv=3), ALL[:3]))
    compared(make_pipeline(encoded, Ridge()).fit(seen(few), labels(few, NUMBER)), NUMBER, ROWS)
    three = make_pipeline(make_column_transformer((TargetEncoder(cv=3), ALL[:1])), DecisionTreeRegressor())
    three[:-1].fit(seen(ROWS), labels(ROWS, CLASSES))
    three[-1].fit(three[:-1].transform(seen(ROWS)), labels(ROWS, NUMBER))
    with pytest.raises(NotCompiled, match="more than two classes"):
        compile_model(three, NUMBER, SCHEMA)


def test_a_row_with_an_unknown_category_is_left_to_an_original_that_refuses_it() -> None:
    few = ROWS[(ROWS[:, 3] != 4) & (ROWS[:, 2] != 12)]
    for encoder in (OneHotEncoder(), OneHotEncoder(drop=["red", "s", 1.0]), OrdinalEncoder()):
        fitted = make_pipeline(make_column_transformer((encoder, ALL[:3])), DecisionTreeRegressor()).fit(seen(few), labels(few, NUMBER))
        with pytest.raises(ValueError, match="unknown categories"):
            fitted.predict(seen(ROWS))
        answers = compile_model(fitted, NUMBER, SCHEMA).answers(ROWS)
        assert np.isnan(answers[:, 0]).tolist() == ((ROWS[:, 3] == 4) | (ROWS[:, 2] == 12)).tolist()
