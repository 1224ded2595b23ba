from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from tests.unit.project.folder import GOOD, make, with_train

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.errors import TrainFailed
from farero.project import source, trial
from farero.project.frame import frame

UNTIL = datetime(2024, 5, 1, tzinfo=UTC)
BINARY = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
NUMBER = LabelSpec(name="y", kind="number", arrives_within=timedelta(days=1))


def _train(root: Path, folder: Path, project: str = GOOD) -> None:
    """What the loop does: data and spec into a folder, then the job."""
    make(root, project)
    source.run(root, "project.py")
    folder.mkdir(exist_ok=True)
    table = {"tenure": pa.array(np.array([1.0, np.nan, 3.0, 4.0])), "plan": pa.array(np.array([0, 1, -2, 1], dtype=np.int32))}
    feather.write_feather(pa.table({**table, "label": pa.array(np.array([0.0, 1.0, 1.0, 1.0]))}), str(folder / "data.feather"))
    trial.write_spec(folder, source.recipe(root, "project.py:project"), seed=5, until=UNTIL)
    trial.train_job(folder)


@pytest.mark.row("R5")
def test_train_gets_the_data_in_the_promised_form_and_leaves_a_model(tmp_path: Path) -> None:
    look = """
        assert list(data.X.columns) == ["tenure", "plan"]
        assert str(data.X["tenure"].dtype) == "float64" and data.X["tenure"].isna().sum() == 1
        assert list(data.X["plan"].cat.categories) == ["a", "b"] and data.X["plan"].isna().sum() == 1
        assert data.y.name == "y" and data.y.tolist() == [0, 1, 1, 1]
        assert data.seed == 5 and data.until.isoformat() == "2024-05-01T00:00:00+00:00"
        return Model(data.y.mean())
    """
    _train(tmp_path, tmp_path / "job", with_train(look))
    assert (tmp_path / "job" / "result.json").exists()


def test_a_model_of_the_project_s_own_class_loads_where_the_project_is_not(tmp_path: Path) -> None:
    (tmp_path / "rates_4712.py").write_text("def rate(y):\n    return float(y.mean())\n")
    text = "import rates_4712\n" + GOOD.replace("[1 - self.rate, self.rate]", "[1 - rates_4712.rate(self.y), rates_4712.rate(self.y)]")
    text = text.replace("self.rate = rate", "self.rate, self.y = 1, rate").replace("Model(data.y.mean())", "Model(data.y)")
    _train(tmp_path, tmp_path / "job", text)
    script = f"import pickle; print(pickle.load(open({str(tmp_path / 'job' / 'model.pkl')!r}, 'rb')).predict_proba([0])[0][1])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == "0.75\n"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return None", "NoneType, which has no predict"),
        ("return 'model'", "str, which has no predict"),
        ("m = Model(0.5); m.predict_proba = None; return m", "has no predict_proba"),
        ("return Model(float('nan'))", "answers NaN"),
        ("return Model(1.5)", "gives no probabilities"),
        ("m = Model(0.5); m.predict_proba = lambda X: [0.5]; return m", "gives an array of (1,)"),
        ("m = Model(0.5); m.predict_proba = lambda X: [[1.0]] * len(X); return m", "and 2 classes"),
        ("m = Model(0.5); m.predict_proba = lambda X: 1 / 0; return m", "predict_proba raised ZeroDivisionError"),
        ("m = Model(0.5); m.predict_proba = lambda X: 'high'; return m", "predict_proba raised ValueError"),
        ("import threading; m = Model(0.5); m.lock = threading.Lock(); return m", "cannot be stored: TypeError"),
    ],
)
@pytest.mark.row("R5")
def test_what_is_no_model_is_refused_and_said(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(TrainFailed) as caught:
        _train(tmp_path, tmp_path / "job", with_train(body.replace("; ", "\n")))
    assert says in str(caught.value)
    assert caught.value.hint
    assert not (tmp_path / "job" / "result.json").exists()


class Answers:
    def __init__(self, answer: object) -> None:
        self._answer = answer

    def predict(self, rows: object) -> object:
        return self._answer


@pytest.mark.parametrize(
    ("answer", "says"), [([1.0], r"\(1,\) values for 2 rows"), ([1.0, np.inf], "NaN or infinities"), ([[1, 2], [3, 4]], "values")]
)
def test_numbers_must_be_one_finite_number_a_row(answer: object, says: str) -> None:
    rows = frame(Schema(fields=(Field(name="x", kind="number"),)), {"x": np.zeros(2)})
    with pytest.raises(TrainFailed, match=says):
        trial.check_model(Answers(answer), NUMBER, rows)
    trial.check_model(Answers([1, 2]), NUMBER, rows)
    trial.check_model(Answers([[1.0], [2.0]]), NUMBER, rows)


def test_an_error_of_the_project_s_own_code_is_passed_on_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="tenur"):
        _train(tmp_path, tmp_path / "job", with_train("return data.X['tenur']"))


def test_a_sample_fits_the_schema_with_gaps_only_where_allowed_and_every_class() -> None:
    schema = Schema(
        fields=(
            Field(name="a", kind="number", min=5, max=6),
            Field(name="b", kind="number", max=-7, missing=True),
            Field(name="c", kind="choice", levels=("x", "y", "z")),
            Field(name="d", kind="flag", missing=True),
            Field(name="e", kind="date"),
            Field(name="f", kind="personal"),
        )
    )
    columns, labels = trial.sample(schema, BINARY, seed=1)
    assert list(columns) == ["a", "b", "c", "d", "e"]
    assert 5 <= columns["a"].min() <= columns["a"].max() <= 6
    assert np.nanmax(columns["b"]) <= -7
    assert np.isnan(columns["b"]).any()
    assert set(columns["c"].tolist()) == {0, 1, 2}
    assert set(columns["d"].tolist()) == {-1, 0, 1}
    assert not np.isnat(columns["e"]).any()
    assert set(labels.tolist()) == {0.0, 1.0}
    again, _ = trial.sample(schema, BINARY, seed=1)
    assert all(np.array_equal(columns[name], again[name], equal_nan=name == "b") for name in columns)


def test_a_model_is_stored_in_plain_pickle(tmp_path: Path) -> None:
    _train(tmp_path, tmp_path / "job")
    model = pickle.loads((tmp_path / "job" / "model.pkl").read_bytes())
    assert model.predict_proba([0]) == [[0.25, 0.75]]
