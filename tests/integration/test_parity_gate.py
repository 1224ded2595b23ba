"""Real models through the gate: equal ones serve compiled, and one wrong bit anywhere leaves the original to serve."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from farero.core.label import LabelSpec
from farero.core.matrix import to_columns
from farero.core.schema import Field, Schema
from farero.project.frame import frame
from farero.serving import checked, engine
from farero.serving.compile import Compiled, compile_model
from farero.serving.engine import Original, chosen
from farero.serving.layout import write_contract
from farero.serving.sample import answers_of, write_sample

NUMBERS = ("a", "b", "c")
SCHEMA = Schema(
    fields=(
        Field(name="a", kind="number", missing=True),
        Field(name="b", kind="number", min=-50, max=50),
        Field(name="c", kind="number"),
        Field(name="plan", kind="choice", levels=("monthly", "yearly", "never", "trial"), missing=True, new_levels=True),
        Field(name="paid", kind="flag", missing=True),
    )
)
ONLY_NUMBERS = Schema(fields=SCHEMA.fields[:3])
BINARY = LabelSpec(name="cancelled", kind="binary", arrives_within=timedelta(days=1))
NUMBER = LabelSpec(name="cnt", kind="number", arrives_within=timedelta(days=1))
CLASSES = LabelSpec(name="fate", kind="classes", arrives_within=timedelta(days=1), classes=("left", "stayed", "upgraded"))


def _data(schema: Schema, rows: int = 3000) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 3))
    numbers[random.random(rows) < 0.1, 0] = np.nan
    matrix = np.concatenate([numbers, random.integers(-1, 4, (rows, 1)), random.integers(-1, 2, (rows, 1))], axis=1)[
        :, : len(schema.features)
    ]
    score = np.nan_to_num(numbers[:, 0], nan=0.7) + numbers[:, 1] * numbers[:, 2]
    return matrix, score + (matrix[:, 3] == 2) * 1.5 if matrix.shape[1] > 3 else score


def _target(label: LabelSpec, score: NDArray[np.float64]) -> Any:
    if label.kind == "number":
        return 50 * score
    if label.kind == "binary":
        return (score > 0).astype(int)
    return np.array(label.classes, dtype=object)[np.digitize(score, (-0.5, 0.8))]


def _steps() -> Any:
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), list(NUMBERS)),
        (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        (SimpleImputer(strategy="most_frequent"), ["paid"]),
    )


def _folder(path: Path, model: Any, schema: Schema, label: LabelSpec) -> Path:
    """A version's folder with the model, fitted, and its sample."""
    matrix, score = _data(schema)
    columns = to_columns(schema, matrix)
    model.fit(frame(schema, columns), _target(label, score))
    path.mkdir(exist_ok=True)
    (path / "model.pkl").write_bytes(pickle.dumps(model))
    write_contract(path, schema, label)
    few = to_columns(schema, matrix[:1000])
    write_sample(path, schema, few, answers_of(label, Original(model, label, schema).predict(few, 1000)))
    return path


MODELS: dict[str, tuple[Callable[[], Any], Schema, LabelSpec]] = {
    "forest": (lambda: RandomForestClassifier(30, random_state=0), ONLY_NUMBERS, BINARY),
    "forest of classes": (lambda: RandomForestClassifier(10, max_leaf_nodes=50, random_state=0), ONLY_NUMBERS, CLASSES),
    "forest of numbers": (lambda: RandomForestRegressor(10, random_state=0), ONLY_NUMBERS, NUMBER),
    "forest behind steps": (lambda: make_pipeline(_steps(), RandomForestClassifier(10, random_state=0)), SCHEMA, BINARY),
    "logistic": (lambda: make_pipeline(_steps(), LogisticRegression()), SCHEMA, BINARY),
    "logistic of classes": (lambda: make_pipeline(_steps(), LogisticRegression()), SCHEMA, CLASSES),
    "boosting with categories": (lambda: HistGradientBoostingClassifier(max_iter=30, categorical_features="from_dtype"), SCHEMA, BINARY),
}


@pytest.mark.row("S11")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_was_compiled_rightly_serves_compiled_and_answers_as_the_original(name: str, tmp_path: Path) -> None:
    make, schema, label = MODELS[name]
    folder = _folder(tmp_path / "version", make(), schema, label)
    choice = chosen(folder, label, schema)
    assert (choice.engine.kind, choice.refused, choice.moved) == ("compiled", "", 0.0), choice.engine.detail
    assert choice.parity is not None and choice.parity.flips == 0 and choice.parity.covered > 0
    assert f"equals the original on {choice.parity.rows} rows" in choice.engine.detail
    matrix, _ = _data(schema)
    columns = to_columns(schema, matrix)
    original = engine.load(folder, label, schema, gate=False)
    assert original.kind == "original"
    given, expected = (answers_of(label, one.predict(columns, len(matrix))) for one in (choice.engine, original))
    assert np.abs(given - expected).max() <= 1e-6 * max(1.0, float(np.abs(expected).max()))


def _one_ulp(model: Any, node: int) -> None:
    """Move one threshold of one tree by one float32."""
    threshold = model.estimators_[3].tree_.threshold
    threshold[node] = np.nextafter(np.float32(threshold[node]), np.float32(np.inf))


def _inner(model: Any) -> NDArray[np.intp]:
    return np.flatnonzero(model.estimators_[3].tree_.children_left >= 0)


def _leaf(model: Any, by: float) -> None:
    """Change what one leaf of one tree says."""
    tree = model.estimators_[3].tree_
    leaf = np.flatnonzero(tree.children_left < 0)[17]
    tree.value[leaf, 0, 0] += by * len(model.estimators_)


def _missing_direction(model: Any) -> None:
    """Send missing values the other way at the first node of a tree that splits the feature which has some."""
    for member in model.estimators_:
        state = member.tree_.__getstate__()
        nodes = state["nodes"]
        splits = np.flatnonzero((nodes["left_child"] >= 0) & (nodes["feature"] == 0))
        if splits.size:
            nodes["missing_go_to_left"][splits[0]] ^= 1
            member.tree_.__setstate__(state)
            return


def _refuses(folder: Path, monkeypatch: pytest.MonkeyPatch, schema: Schema, label: LabelSpec, spoil: Callable[[Any], None]) -> str:
    """Serve a version whose compiled engine was made from a spoilt copy of its model; why it was refused."""

    def compiled_wrongly(model: Any, label: LabelSpec, schema: Schema) -> Compiled:
        wrong = copy.deepcopy(model)
        spoil(wrong)
        return compile_model(wrong, label, schema)

    monkeypatch.setattr(checked, "compile_model", compiled_wrongly)
    choice = chosen(folder, label, schema)
    monkeypatch.undo()
    assert choice.engine.kind == "original"
    assert choice.engine.detail == f"the compiled engine was refused: {choice.refused}"
    matrix, _ = _data(schema)
    original = engine.load(folder, label, schema, gate=False)
    columns = to_columns(schema, matrix)
    given, expected = (answers_of(label, one.predict(columns, len(matrix))) for one in (choice.engine, original))
    assert given.tolist() == expected.tolist()
    return choice.refused


@pytest.mark.row("S11")
def test_one_threshold_that_is_off_by_one_float32_at_any_node_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = RandomForestRegressor(10, max_leaf_nodes=100, random_state=0)
    folder = _folder(tmp_path / "version", model, ONLY_NUMBERS, NUMBER)
    for node in (0, *np.random.default_rng(1).choice(_inner(model), 12, replace=False)):
        because = _refuses(folder, monkeypatch, ONLY_NUMBERS, NUMBER, lambda wrong, node=node: _one_ulp(wrong, node))
        assert "rows at thresholds" in because, node


@pytest.mark.row("S11")
def test_a_leaf_that_is_off_by_two_millionths_is_found_and_one_within_rounding_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RandomForestRegressor(10, max_leaf_nodes=100, random_state=0)
    random = np.random.default_rng(0)
    folder = _folder(tmp_path / "version", model, ONLY_NUMBERS, NUMBER)
    small = RandomForestRegressor(10, max_leaf_nodes=20, random_state=0).fit(
        pd.DataFrame(random.normal(size=(500, 3)), columns=list(NUMBERS)), random.random(500)
    )  # fmt: skip
    (folder / "model.pkl").write_bytes(pickle.dumps(small))
    (folder / "sample.bin").unlink()
    assert "it differs by 2e-06" in _refuses(folder, monkeypatch, ONLY_NUMBERS, NUMBER, lambda wrong: _leaf(wrong, 2e-6))
    monkeypatch.setattr(checked, "compile_model", lambda model, label, schema: compile_model(_within_rounding(model), label, schema))
    assert chosen(folder, NUMBER, ONLY_NUMBERS).engine.kind == "compiled"


def _within_rounding(model: Any) -> Any:
    wrong = copy.deepcopy(model)
    _leaf(wrong, 5e-7)
    return wrong


@pytest.mark.row("S11")
def test_a_wrong_way_for_missing_values_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(tmp_path / "version", RandomForestClassifier(10, max_leaf_nodes=50, random_state=0), ONLY_NUMBERS, BINARY)
    assert "rows" in _refuses(folder, monkeypatch, ONLY_NUMBERS, BINARY, _missing_direction)


@pytest.mark.row("S11")
def test_swapped_categories_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swap(model: Any) -> None:
        levels = model[0].transformers_[1][1].categories_[0]
        levels[[0, 1]] = levels[[1, 0]]

    folder = _folder(tmp_path / "version", make_pipeline(_steps(), LogisticRegression()), SCHEMA, BINARY)
    assert "rows that it was trained on" in _refuses(folder, monkeypatch, SCHEMA, BINARY, swap)


@pytest.mark.row("M11")
def test_an_original_whose_library_answers_otherwise_now_is_found_out(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "version", make_pipeline(_steps(), LogisticRegression()), SCHEMA, BINARY)
    model = pickle.loads((folder / "model.pkl").read_bytes())
    model[-1].intercept_ += 0.01  # what another version of the library might make of the same file
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    choice = chosen(folder, BINARY, SCHEMA)
    assert choice.engine.kind == "compiled"
    assert 1e-4 < choice.moved < 1e-2
