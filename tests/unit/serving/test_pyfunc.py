from __future__ import annotations

import json
import pickle
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.errors import SchemaMismatch
from farero.serving import pyfunc
from farero.serving.blend import assemble
from farero.serving.layout import write_contract

SCHEMA = Schema(
    fields=(Field(name="a", kind="number"), Field(name="b", kind="number"), Field(name="mail", kind="personal", privacy="drop"))
)
FRAME = pd.DataFrame({"b": [0.5, 2.0, -1.0], "a": [1.0, -3.0, 0.0], "other": ["x", None, "y"]})


def _stored(folder: Path, label: LabelSpec, y: np.ndarray) -> LogisticRegression:
    """A version's folder with a model that learnt from two columns."""
    x = np.random.default_rng(0).normal(size=(len(y), 2))
    model = LogisticRegression().fit(pd.DataFrame(x, columns=["a", "b"]), y)
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    (folder / "judged.feather").write_bytes(b"rows that judged it")
    write_contract(folder, SCHEMA, label)
    return model


def _loaded(tmp_path: Path, label: LabelSpec) -> pyfunc.Answering:
    pyfunc.write_model(tmp_path / "own", tmp_path / "out", model="m", number="1.0.0", digest="d" * 64, environment={"python": "3.11.9"})
    return pyfunc._load_pyfunc(str(tmp_path / "out" / "version"))


@pytest.mark.row("R9")
def test_a_version_answers_mlflow_as_its_model_does(tmp_path: Path) -> None:
    label = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
    model = _stored(tmp_path / "own", label, np.arange(40) % 2)
    asked = _loaded(tmp_path, label)
    assert asked.predict(FRAME).tolist() == model.predict(FRAME[["a", "b"]]).tolist()
    every = asked.predict(FRAME, {"answer": "all"})
    assert isinstance(every, pd.DataFrame)
    assert np.allclose(every["probability"], model.predict_proba(FRAME[["a", "b"]])[:, 1], atol=1e-12)
    assert list(every.columns) == ["prediction", "probability"]


def test_classes_are_answered_by_name_with_a_probability_each(tmp_path: Path) -> None:
    label = LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("red", "green", "blue"))
    _stored(tmp_path / "own", label, np.array(["red", "green", "blue"])[np.arange(60) % 3])
    every = _loaded(tmp_path, label).predict(FRAME, {"answer": "all"})
    assert isinstance(every, pd.DataFrame)
    assert set(every["prediction"]) <= {"red", "green", "blue"}
    assert np.allclose(every[["probability_red", "probability_green", "probability_blue"]].sum(axis=1), 1.0)


def test_a_row_that_does_not_fit_is_named(tmp_path: Path) -> None:
    label = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
    _stored(tmp_path / "own", label, np.arange(40) % 2)
    with pytest.raises(SchemaMismatch, match="1 fault") as refused:
        _loaded(tmp_path, label).predict(FRAME.assign(a=["1", "much", "3"]))
    assert "rows[1].a" in str(refused.value)


@pytest.mark.row("R9")
def test_no_row_that_it_learnt_from_leaves_with_it(tmp_path: Path) -> None:
    label = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
    _stored(tmp_path / "own", label, np.arange(40) % 2)
    _loaded(tmp_path, label)
    left = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert left == ["MLmodel", "python_env.yaml", "requirements.txt", "version/model.pkl", "version/schema.json"]
    described = json.loads((tmp_path / "out" / "MLmodel").read_text())
    assert described["flavors"]["farero"] == {
        "model": "m", "version": "1.0.0", "digest": "d" * 64, "kind": "pickle", "data": "version/model.pkl",
    }  # fmt: skip


@pytest.mark.row("R9", "R5")
def test_a_blend_leaves_with_every_model_and_answers_their_mean(tmp_path: Path) -> None:
    label = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
    models = [_stored(tmp_path / name, label, np.arange(40) % number) for name, number in (("one", 2), ("two", 2))]
    for name in ("one", "two"):
        (tmp_path / name / "result.json").write_text('{"model": "M", "rows": 40, "cpu_s": 1.0}')
    (tmp_path / "own").mkdir()
    assemble(tmp_path / "own", [(tmp_path / "one", 0.75, "all history"), (tmp_path / "two", 0.25, "90d")])
    write_contract(tmp_path / "own", SCHEMA, label)
    every = _loaded(tmp_path, label).predict(FRAME, {"answer": "all"})
    assert isinstance(every, pd.DataFrame)
    alone = [model.predict_proba(FRAME[["a", "b"]])[:, 1] for model in models]
    assert np.allclose(every["probability"], 0.75 * alone[0] + 0.25 * alone[1], atol=1e-12)
    kept = sorted(path.name for path in (tmp_path / "out" / "version").iterdir())
    assert kept == ["blend.json", "model-1.pkl", "model-2.pkl", "schema.json"]
    assert json.loads((tmp_path / "out" / "MLmodel").read_text())["flavors"]["farero"]["data"] == "version"
