from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.errors import Corrupt, PredictFailed
from farero.serving.engine import Engine, load

SCHEMA = Schema(
    fields=(
        Field(name="tenure", kind="number", missing=True),
        Field(name="contract", kind="choice", levels=("monthly", "yearly")),
        Field(name="email", kind="personal", privacy="drop"),
    )
)
BINARY = LabelSpec(name="cancelled", kind="binary", arrives_within=timedelta(days=1))
NUMBER = LabelSpec(name="cnt", kind="number", arrives_within=timedelta(days=1))
CLASSES = LabelSpec(name="plan", kind="classes", arrives_within=timedelta(days=1), classes=("a", "b", "c"))
COLUMNS = {"tenure": np.array([1.0, np.nan, 30.0]), "contract": np.array([0, 1, 1], dtype=np.int32)}


class Says:
    """A model that answers the same whatever it is asked."""

    def __init__(self, answer: Any, classes: list[Any] | None = None) -> None:
        self._answer = answer
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def predict(self, rows: pd.DataFrame) -> Any:
        return self._answer

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        return self._answer


def _load(folder: Path, model: object, label: LabelSpec, schema: Schema = SCHEMA) -> Engine:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        (folder / "model.pkl").write_bytes(cloudpickle.dumps(model))
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    return load(folder, label, schema)


def test_a_number_is_the_predicted_value(tmp_path: Path) -> None:
    outputs = _load(tmp_path, Says([1, 2.5, -3]), NUMBER).predict(COLUMNS, 3)
    assert outputs.value.tolist() == [1.0, 2.5, -3.0]
    assert outputs.probability is None


@pytest.mark.row("S1")
def test_binary_gives_the_probability_of_one_and_a_half_counts_as_one(tmp_path: Path) -> None:
    outputs = _load(tmp_path, Says([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]], [0.0, 1.0]), BINARY).predict(COLUMNS, 3)
    assert outputs.probability is not None
    assert outputs.probability.tolist() == [0.2, 0.5, 0.9]
    assert outputs.value.tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [([1, 0], [0.8, 0.5, 0.1]), ([False, True], [0.2, 0.5, 0.9]), (["0", "1"], [0.2, 0.5, 0.9]), (None, [0.2, 0.5, 0.9])],
)
def test_the_column_of_one_is_found_by_the_model_s_classes(tmp_path: Path, classes: list[Any] | None, expected: list[float]) -> None:
    outputs = _load(tmp_path, Says([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]], classes), BINARY).predict(COLUMNS, 3)
    assert outputs.probability is not None
    assert outputs.probability.tolist() == expected


def test_a_model_that_only_ever_saw_zeros_never_says_one(tmp_path: Path) -> None:
    outputs = _load(tmp_path, Says([[1.0]] * 3, [0]), BINARY).predict(COLUMNS, 3)
    assert outputs.probability is not None
    assert outputs.probability.tolist() == outputs.value.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("classes", [[0, 2], ["a", "c"]])
def test_classes_give_a_probability_for_each_declared_class(tmp_path: Path, classes: list[Any]) -> None:
    outputs = _load(tmp_path, Says([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]], classes), CLASSES).predict(COLUMNS, 3)
    assert outputs.probabilities is not None
    assert outputs.probability is not None
    assert outputs.probabilities.tolist() == [[0.8, 0.0, 0.2], [0.4, 0.0, 0.6], [0.1, 0.0, 0.9]]
    assert outputs.value.tolist() == [0.0, 2.0, 2.0]
    assert outputs.probability.tolist() == [0.8, 0.6, 0.9]


@pytest.mark.parametrize("classes", [["no", "yes"], [1, 2], [0.5, 1]])
def test_a_model_fitted_on_other_labels_is_refused_when_it_is_loaded(tmp_path: Path, classes: list[Any]) -> None:
    with pytest.raises(PredictFailed, match="which the label cancelled has not"):
        _load(tmp_path, Says([[1.0, 0.0]] * 3, classes), BINARY)


@pytest.mark.parametrize(
    ("label", "answer", "says"),
    [
        (NUMBER, [1.0, 2.0], "gave 2 answers to 3 rows"),
        (NUMBER, [1.0, float("nan"), 2.0], "answered with NaN or infinity"),
        (NUMBER, [1.0, float("inf"), 2.0], "answered with NaN or infinity"),
        (NUMBER, ["a", "b", "c"], "answered with something that is no number"),
        (NUMBER, None, "answered with NaN or infinity"),
        (NUMBER, {"a": 1}, "answered with something that is no number"),
        (BINARY, [[0.5, 0.5]] * 2, r"gave an array of \(2, 2\) for 3 rows and 2 classes"),
        (BINARY, [0.2, 0.5, 0.9], r"gave an array of \(3,\)"),
        (BINARY, [[-0.2, 1.2]] * 3, "which are no probabilities"),
        (BINARY, [[0.2, 0.2]] * 3, "do not add up to 1"),
        (BINARY, [[float("nan"), 1.0]] * 3, "answered with NaN or infinity"),
        (CLASSES, [[0.5, 0.5]] * 3, "for 3 rows and 3 classes"),
    ],
)
def test_nonsense_is_never_an_answer(tmp_path: Path, label: LabelSpec, answer: Any, says: str) -> None:
    with pytest.raises(PredictFailed, match=says):
        _load(tmp_path, Says(answer), label).predict(COLUMNS, 3)


def test_rounding_is_not_nonsense(tmp_path: Path) -> None:
    outputs = _load(tmp_path, Says([[-1e-9, 1.0 + 1e-9]] * 3), BINARY).predict(COLUMNS, 3)
    assert outputs.probability is not None
    assert outputs.probability.tolist() == [1.0, 1.0, 1.0]


def test_a_model_that_raises_is_a_failure_with_its_words(tmp_path: Path) -> None:
    class Raises:
        def predict(self, rows: pd.DataFrame) -> None:
            raise KeyError("tenure")

    with pytest.raises(PredictFailed, match="predict raised KeyError: 'tenure'") as caught:
        _load(tmp_path, Raises(), NUMBER).predict(COLUMNS, 3)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_classifier_without_probabilities_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    class OnlyPredicts:
        def predict(self, rows: pd.DataFrame) -> list[int]:
            return [0] * len(rows)

    with pytest.raises(PredictFailed, match="has no predict_proba"):
        _load(tmp_path, OnlyPredicts(), BINARY)


@pytest.mark.parametrize("label", [NUMBER, BINARY, CLASSES], ids=lambda label: label.kind)
def test_no_rows_give_no_answers(tmp_path: Path, label: LabelSpec) -> None:
    empty = {name: column[:0] for name, column in COLUMNS.items()}
    outputs = _load(tmp_path, Says("never asked"), label).predict(empty, 0)
    assert outputs.value.shape == (0,)
    assert outputs.probabilities is None or outputs.probabilities.shape == (0, 3)


def test_the_model_sees_the_features_in_the_declared_order_and_form(tmp_path: Path) -> None:
    class Looks:
        def predict(self, rows: pd.DataFrame) -> Any:
            assert list(rows.columns) == ["tenure", "contract"]
            assert list(rows["contract"].cat.categories) == ["monthly", "yearly"]
            assert rows["tenure"].dtype == np.float64
            return rows["tenure"].fillna(-1)

    outputs = _load(tmp_path, Looks(), NUMBER).predict(COLUMNS, 3)
    assert outputs.value.tolist() == [1.0, -1.0, 30.0]


def _frame(columns: Mapping[str, np.ndarray[Any, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"tenure": columns["tenure"], "contract": pd.Categorical.from_codes(columns["contract"].tolist(), categories=["monthly", "yearly"])}
    )


def test_a_real_model_answers_as_it_does_by_itself(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    columns = {"tenure": random.normal(size=300), "contract": random.integers(0, 2, 300).astype(np.int32)}
    target = (columns["tenure"] + columns["contract"] > 0).astype(float)
    classifier = HistGradientBoostingClassifier(max_iter=10, categorical_features="from_dtype", random_state=0).fit(_frame(columns), target)
    regressor = HistGradientBoostingRegressor(max_iter=10, categorical_features="from_dtype", random_state=0).fit(_frame(columns), target)
    probability = _load(tmp_path, classifier, BINARY).predict(columns, 300).probability
    assert probability is not None
    assert probability.tolist() == classifier.predict_proba(_frame(columns))[:, 1].tolist()
    assert _load(tmp_path, regressor, NUMBER).predict(columns, 300).value.tolist() == regressor.predict(_frame(columns)).tolist()


def test_a_folder_without_a_model_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match=r"There is no model\.pkl"):
        load(tmp_path, NUMBER, SCHEMA)


@pytest.mark.parametrize("content", [b"", b"no pickle", b"cno_such_library\nModel\n."])
def test_a_model_that_cannot_be_loaded_here_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(PredictFailed, match="cannot be loaded") as caught:
        load(tmp_path, NUMBER, SCHEMA)
    assert "train again" in str(caught.value)
