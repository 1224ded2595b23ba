from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor
from tests.unit.serving.compile.made import CHOICES, FLAGS, FULL, NUMBER, NUMBERS, SCHEMA, compared, labels, matrix, seen

from farero.serving.compile import NotCompiled, compile_model

ROWS = matrix(500)
PLAIN = matrix(400, 1, FULL)
TREE = DecisionTreeRegressor(random_state=0)


def _named(step: object) -> str:
    """A step's spelling without the address of a function in it, which would differ between the processes that share the tests."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(step))


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler(),
        MinMaxScaler((-1, 1), clip=True),
        MaxAbsScaler(),
        RobustScaler(),
        RobustScaler(with_centering=False),
        Binarizer(threshold=0.5),
        FunctionTransformer(),
        PolynomialFeatures(2),
        PolynomialFeatures(3, interaction_only=True, include_bias=False),
        VarianceThreshold(0.1),
        SelectKBest(f_regression, k=3),
        SelectFromModel(Ridge(), max_features=2),
        "passthrough",
    ],
    ids=_named,
)
def test_numbers_reach_a_tree_as_the_original_makes_them(scaler: Any) -> None:
    model = make_pipeline(scaler, TREE).fit(seen(PLAIN, FULL), labels(PLAIN, NUMBER))
    rows = matrix(500, 8, FULL) * 1.3
    compared(model, NUMBER, np.concatenate([rows, PLAIN]), FULL, within=0.0)


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), VarianceThreshold()], ids=_named
)
def test_a_gap_stays_a_gap_through_the_steps_that_let_it_pass(scaler: Any) -> None:
    model = make_pipeline(make_column_transformer((scaler, NUMBERS)), TREE).fit(seen(ROWS), labels(ROWS, NUMBER))
    compared(model, NUMBER, matrix(400, 5), within=0.0)


@pytest.mark.parametrize("step", [PolynomialFeatures(), SelectKBest(f_regression, k=2), Binarizer()], ids=_named)
def test_a_gap_is_left_to_the_original_where_a_step_refuses_it(step: Any) -> None:
    full = ROWS[~np.isnan(ROWS[:, 1])]
    model = make_pipeline(make_column_transformer((step, NUMBERS)), TREE).fit(seen(full), labels(full, NUMBER))
    with pytest.raises(ValueError, match="NaN"):
        model.predict(seen(ROWS))
    assert np.isnan(compile_model(model, NUMBER, SCHEMA).answers(ROWS)[:, 0]).tolist() == np.isnan(ROWS[:, 1]).tolist()


@pytest.mark.parametrize(
    ("imputer", "columns"),
    [
        (SimpleImputer(), NUMBERS),
        (SimpleImputer(strategy="median", add_indicator=True), [*NUMBERS, "paid"]),
        (SimpleImputer(strategy="constant", fill_value=-7.5), NUMBERS),
        (SimpleImputer(missing_values=3.0, strategy="most_frequent", add_indicator=True), ["month"]),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), CHOICES),
        (make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore")), CHOICES),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), StandardScaler()), ["paid"]),
    ],
    ids=_named,
)
def test_gaps_are_filled_and_marked_as_the_original_does(imputer: Any, columns: list[str]) -> None:
    model = make_pipeline(make_column_transformer((imputer, columns)), TREE).fit(seen(ROWS), labels(ROWS, NUMBER))
    compared(model, NUMBER, matrix(400, 5), within=0.0)


@pytest.mark.parametrize(
    "chosen",
    [
        [("n", StandardScaler(), NUMBERS), ("f", "passthrough", FLAGS)],
        [("n", StandardScaler(), [0, 1, 2]), ("f", "passthrough", slice(5, 7))],
        [("n", StandardScaler(), [True, True, False, False, False, False, False]), ("d", "drop", ["new"]), ("f", "passthrough", ["paid"])],
        [("n", StandardScaler(), make_column_selector(dtype_include=float)), ("c", OneHotEncoder(handle_unknown="ignore"), CHOICES)],
        [("c", OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")), ("one", MinMaxScaler(), ["month"])],
    ],
    ids=["names", "places", "mask", "by type", "categories"],
)
@pytest.mark.parametrize("remainder", ["drop", SimpleImputer()], ids=["rest dropped", "rest filled"])
def test_columns_are_chosen_as_the_original_chooses_them(chosen: Any, remainder: Any) -> None:
    if remainder != "drop" and not any(name == "c" for name, *_ in chosen):
        chosen = [*chosen, ("c", OneHotEncoder(handle_unknown="ignore"), CHOICES)]
    model = make_pipeline(ColumnTransformer(chosen, remainder=remainder), TREE).fit(seen(ROWS), labels(ROWS, NUMBER))
    compared(model, NUMBER, matrix(400, 5), within=0.0)


def test_unions_stand_side_by_side() -> None:
    union = FeatureUnion(
        [("a", StandardScaler()), ("b", make_pipeline(MinMaxScaler(), PolynomialFeatures(2)))], transformer_weights={"a": 2.5}
    )
    compared(make_pipeline(union, TREE).fit(seen(PLAIN, FULL), labels(PLAIN, NUMBER)), NUMBER, PLAIN, FULL, within=0.0)


def test_a_model_fitted_on_arrays_reads_by_place() -> None:
    array = seen(PLAIN, FULL).to_numpy()
    compared(make_pipeline(StandardScaler(), TREE).fit(array, labels(PLAIN, NUMBER)), NUMBER, PLAIN, FULL, within=0.0)


def test_columns_in_another_order_are_refused_where_the_original_refuses_them() -> None:
    model = make_pipeline(StandardScaler(), TREE).fit(seen(PLAIN, FULL)[list("tsrqp")], labels(PLAIN, NUMBER))
    with pytest.raises(NotCompiled, match="another order"):
        compile_model(model, NUMBER, FULL)


class Doubler(StandardScaler):
    """May do anything."""

    def transform(self, rows: Any, copy: bool | None = None) -> Any:
        return super().transform(rows) * 2


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (PCA(2), "PCA is not among the steps that are compiled"),
        (Doubler(), "Doubler is not among the steps that are compiled"),
        (FunctionTransformer(np.abs), "function of its own"),
    ],
    ids=_named,
)
def test_an_unknown_step_is_named(step: Any, reason: str) -> None:
    model = make_pipeline(step, TREE).fit(seen(PLAIN, FULL), labels(PLAIN, NUMBER))
    with pytest.raises(NotCompiled, match=reason):
        compile_model(model, NUMBER, FULL)


def test_frames_between_the_steps_change_nothing() -> None:
    prepare = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(sparse_output=False), ["size"]))
    model = make_pipeline(prepare, TREE).set_output(transform="pandas").fit(seen(ROWS), labels(ROWS, NUMBER))
    assert isinstance(model[:-1].transform(seen(ROWS)), pd.DataFrame)
    compared(model, NUMBER, matrix(300, 6), within=0.0)
