from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from farero.core.label import LabelSpec
from farero.errors import PredictFailed
from farero.project import adapted as module
from farero.project.adapted import ByName, ByPosition, OnnxModel, PyfuncModel, adapted, both, fitting, needed, numbers

BINARY = LabelSpec(name="y", kind="binary", arrives_within=timedelta(hours=1))
NUMBER = LabelSpec(name="y", kind="number", arrives_within=timedelta(hours=1))
CLASSES = LabelSpec(name="y", kind="classes", classes=("a", "b"), arrives_within=timedelta(hours=1))
FRAME = pd.DataFrame(
    {
        "size": [1.0, np.nan, 3.0],
        "kind": pd.Categorical(["x", None, "y"], categories=["y", "x"]),
        "is_new": [True, False, True],
        "at": pd.to_datetime(["2024-01-01", "2024-01-02", None], utc=True),
    }
)


def test_columns_become_numbers_in_one_known_way() -> None:
    np.testing.assert_array_equal(
        numbers(FRAME), [[1.0, 1.0, 1.0, 1704067200.0], [np.nan, np.nan, 0.0, 1704153600.0], [3.0, 0.0, 1.0, np.nan]]
    )


def test_a_model_that_has_all_it_needs_stays_as_it_is() -> None:
    model = LinearRegression()
    assert adapted(model, NUMBER) is model


def test_a_bare_booster_answers_like_a_classifier_and_can_be_stored() -> None:
    rows = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0)[::-1]})
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(rows, (rows["a"] > 30).astype(int)), 5)
    model = pickle.loads(pickle.dumps(adapted(booster, BINARY)))
    shares = model.predict_proba(rows[["b", "a"]])  # by name, whatever the order
    np.testing.assert_allclose(shares[:, 1], booster.predict(rows))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.predict(rows), (booster.predict(rows) > 0.5).astype(int))
    with pytest.raises(ValueError, match="the model wants b; the project declares a, c"):
        model.predict(rows.rename(columns={"b": "c"}))


def test_a_model_from_elsewhere_gets_its_own_columns_in_its_own_order() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3.0, 1.0, 1.0], "unused": [0.0, 0.0, 9.0]})
    fitted = LinearRegression().fit(rows[["b", "a"]], [1.0, 2.0, 3.0])
    model = fitting(fitted, NUMBER, ("a", "b", "unused"))
    assert type(model) is ByName
    np.testing.assert_array_equal(model.predict(rows), fitted.predict(rows[["b", "a"]]))
    assert fitting(fitted, NUMBER, ("b", "a")) is fitted
    assert model.coef_ is fitted.coef_


def test_a_model_without_names_gets_an_array_by_position() -> None:
    fitted = LinearRegression().fit([[1.0, 0.0], [2.0, 1.0]], [1.0, 3.0])
    model = fitting(fitted, NUMBER, ("a", "b"))
    assert type(model) is ByPosition
    rows = pd.DataFrame({"a": [1.0], "b": [5.0]})
    np.testing.assert_array_equal(model.predict(rows), fitted.predict([[1.0, 5.0]]))
    assert not hasattr(model, "predict_proba"), "as the model itself"


@pytest.mark.parametrize(
    ("given", "expected"),
    [([0.25], [[0.75, 0.25]]), ([[0.25]], [[0.75, 0.25]]), ([[0.5, 0.25, 0.25]], [[0.5, 0.25, 0.25]])],
)
def test_the_other_probability_is_added_where_only_one_is_given(given: Any, expected: Any) -> None:
    assert both(np.array(given)).tolist() == expected


@pytest.mark.parametrize(
    ("library", "install"),
    [
        ("onnxruntime", r"pip install 'farero\[onnx\]'"),
        ("mlflow.pyfunc", r"pip install 'farero\[mlflow\]'"),
        ("lightgbm", "pip install lightgbm"),
    ],
)
@pytest.mark.row("S10")
def test_a_library_that_is_not_there_says_how_it_comes(monkeypatch: pytest.MonkeyPatch, library: str, install: str) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(module.importlib, "import_module", absent)
    with pytest.raises(PredictFailed, match=install):
        needed(library)


class _Session:
    """Stands for onnxruntime: a graph whose outputs are given."""

    def __init__(self, inputs: list[Any], outputs: list[Any]) -> None:
        self._inputs, self._outputs = inputs, outputs
        self.fed: dict[str, Any] = {}

    def get_inputs(self) -> list[Any]:
        return self._inputs

    def run(self, _names: object, fed: dict[str, Any]) -> list[Any]:
        self.fed = fed
        return self._outputs


class _Input:
    def __init__(self, name: str, type: str, shape: tuple[Any, ...] = (None, 1)) -> None:
        self.name, self.type, self.shape = name, type, shape


def _onnx(label: LabelSpec, session: _Session) -> OnnxModel:
    model = OnnxModel(b"", label)
    model._session = session
    return model


def test_an_onnx_graph_gets_each_column_in_the_type_that_it_wants() -> None:
    session = _Session(
        [
            _Input("kind", "tensor(string)"),
            _Input("size", "tensor(float)"),
            _Input("is_new", "tensor(bool)"),
            _Input("at", "tensor(int64)", (None,)),
        ],
        [np.zeros(3)],
    )
    _onnx(NUMBER, session).predict(FRAME)
    assert session.fed["kind"].tolist() == [["x"], [""], ["y"]]
    assert session.fed["size"].dtype == np.float32
    assert session.fed["is_new"].tolist() == [[True], [False], [True]]
    assert session.fed["at"].tolist() == [1704067200, 1704153600, -1]


def test_an_onnx_graph_that_names_its_classes_in_another_order_is_not_believed() -> None:
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], dtype=np.float32)
    right = _Session([_Input("x", "tensor(float)", (None, 4))], [np.array(["a", "b", "a"]), shares])
    np.testing.assert_allclose(_onnx(CLASSES, right).predict_proba(FRAME), shares)
    wrong = _Session([_Input("x", "tensor(float)", (None, 4))], [np.array(["b", "a", "a"]), shares])
    with pytest.raises(ValueError, match="another order"):
        _onnx(CLASSES, wrong).predict_proba(FRAME)


def test_a_dictionary_a_row_names_the_classes() -> None:
    model = _onnx(CLASSES, _Session([_Input("x", "tensor(float)", (None, 4))], [np.array(["b"] * 3), [{"b": 0.75, "a": 0.25}] * 3]))
    assert model.predict_proba(FRAME).tolist() == [[0.75, 0.25]] * 3
    assert model.classes_ == ["b", "a"]


@pytest.mark.parametrize(
    ("session", "says"),
    [
        (_Session([_Input("a", "tensor(float)"), _Input("b", "tensor(float)")], []), "wants a, b; the project declares size, kind"),
        (_Session([_Input("x", "tensor(complex64)")], []), "wants a tensor"),
        (_Session([_Input("x", "tensor(float)")], [np.array(["a"])]), "no probabilities"),
    ],
)
def test_an_onnx_graph_that_does_not_fit_says_why(session: _Session, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _onnx(BINARY, session).predict_proba(FRAME)


def test_a_pyfunc_answers_with_probabilities_of_one_class_or_all() -> None:
    class Given:
        def __init__(self, answers: Any) -> None:
            self.answers = answers

        def predict(self, _frame: object) -> Any:
            return self.answers

    assert PyfuncModel(Given([0.25]), BINARY).predict_proba(FRAME).tolist() == [[0.75, 0.25]]
    assert PyfuncModel(Given(pd.DataFrame({"v": [1.5]})), NUMBER).predict(FRAME).tolist() == [[1.5]]
