from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.errors import BadInput, Corrupt, PredictFailed
from farero.serving import kinds
from farero.serving.kinds import Source, kind_of, load_model, pickles_in, read_source, stored_name, write_source

LABEL = LabelSpec(name="y", kind="number", arrives_within=timedelta(hours=1))
SCHEMA = Schema(fields=(Field(name="a", kind="number"), Field(name="b", kind="number")))
FRAME = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3.0, 1.0, 1.0]})


@pytest.mark.row("S10")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("m.pkl", "pickle"),
        ("m.pickle", "pickle"),
        ("m.JOBLIB", "pickle"),
        ("m.onnx", "onnx"),
        ("m.ubj", "xgboost"),
        ("m.json", "xgboost"),
        ("m.txt", "lightgbm"),
        ("m.cbm", "catboost"),
    ],
)
def test_the_ending_says_the_kind(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert kind_of(tmp_path / name) == kind
    assert stored_name(tmp_path / name, kind_of(tmp_path / name)) == f"brought{Path(name).suffix.lower()}"


def test_a_folder_with_an_MLmodel_file_is_mlflows(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="without an MLmodel file"):
        kind_of(tmp_path)
    (tmp_path / "MLmodel").write_text("flavors: {}")
    assert kind_of(tmp_path) == "mlflow"
    assert stored_name(tmp_path, "mlflow") == "mlflow"


@pytest.mark.parametrize(("name", "says"), [("absent.pkl", "no file"), ("m.pt", r"\.pt is no kind"), ("m", "without an ending")])
def test_what_is_no_model_file_is_refused(tmp_path: Path, name: str, says: str) -> None:
    if not name.startswith("absent"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=says):
        kind_of(tmp_path / name)


def test_a_trained_model_is_loaded_as_it_was_stored(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(LinearRegression().fit(FRAME, [1.0, 2.0, 3.0])))
    assert read_source(tmp_path) is None
    assert type(load_model(tmp_path, LABEL, SCHEMA)) is LinearRegression


@pytest.mark.row("U7")
def test_what_was_brought_in_is_loaded_by_the_list_each_time(tmp_path: Path) -> None:
    write_source(tmp_path, Source(kind="pickle", file="brought.pkl"))
    (tmp_path / "brought.pkl").write_bytes(b"\x80\x04cos\ngetcwd\n)R.")
    with pytest.raises(PredictFailed, match=r"is refused: os\.getcwd"):
        load_model(tmp_path, LABEL, SCHEMA)
    write_source(tmp_path, Source(kind="pickle", file="brought.pkl", trusted=("os.getcwd",)))
    assert load_model(tmp_path, LABEL, SCHEMA) == str(Path.cwd())


def test_a_model_that_was_fitted_on_an_array_gets_one(tmp_path: Path) -> None:
    write_source(tmp_path, Source(kind="pickle", file="brought.pkl"))
    fitted = LinearRegression().fit(FRAME.to_numpy(), [1.0, 2.0, 3.0])
    (tmp_path / "brought.pkl").write_bytes(pickle.dumps(fitted))
    np.testing.assert_array_equal(load_model(tmp_path, LABEL, SCHEMA).predict(FRAME), fitted.predict(FRAME.to_numpy()))


def test_no_model_and_a_broken_source_are_corrupt(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match=r"no model\.pkl"):
        load_model(tmp_path, LABEL, SCHEMA)
    (tmp_path / kinds.SOURCE).write_text("{")
    with pytest.raises(Corrupt, match="does not say what model"):
        load_model(tmp_path, LABEL, SCHEMA)


def test_a_file_that_its_library_cannot_read_is_told(tmp_path: Path) -> None:
    write_source(tmp_path, Source(kind="xgboost", file="brought.json"))
    (tmp_path / "brought.json").write_text("{")
    with pytest.raises(PredictFailed, match="cannot be loaded"):
        load_model(tmp_path, LABEL, SCHEMA)


def test_only_pickles_are_scanned(tmp_path: Path) -> None:
    assert pickles_in(tmp_path / "m.pkl", "pickle") == [tmp_path / "m.pkl"]
    assert pickles_in(tmp_path / "m.onnx", "onnx") == []
