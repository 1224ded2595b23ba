from __future__ import annotations

import json
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.errors import Corrupt, PredictFailed
from farero.serving.blend import Blend, assemble, model_files, read_parts
from farero.serving.kinds import load_model
from farero.serving.scanned import scanned

SCHEMA = Schema(fields=(Field(name="x", kind="number"),))
NUMBER = LabelSpec(name="y", kind="number", arrives_within=timedelta(days=1))
BINARY = LabelSpec(name="y", kind="binary", arrives_within=timedelta(days=1))
CLASSES = LabelSpec(name="y", kind="classes", arrives_within=timedelta(days=1), classes=("p", "q", "r"))
FRAME = pd.DataFrame({"x": [1.0, 2.0]})


class Line:
    def __init__(self, slope: float) -> None:
        self.slope = slope

    def predict(self, frame: pd.DataFrame) -> Any:
        return frame["x"].to_numpy() * self.slope


class Shares:
    def __init__(self, shares: list[float], classes: list[Any] | None = None) -> None:
        self.shares = shares
        if classes is not None:
            self.classes_ = np.array(classes, dtype=object)

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        return np.tile(self.shares, (len(frame), 1))


def trained(folder: Path, model: object, cpu_s: float = 1.0) -> Path:
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    (folder / "result.json").write_text(json.dumps({"model": type(model).__name__, "rows": 10, "cpu_s": cpu_s}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "version"
    target.mkdir()
    assemble(target, [(trained(tmp_path / "a", Line(1.0)), 0.75, "all history"), (trained(tmp_path / "b", Line(5.0)), 0.25, "90d")])
    return target


@pytest.mark.row("R5")
def test_models_put_together_answer_the_mean_by_their_shares(folder: Path) -> None:
    model = load_model(folder, NUMBER, SCHEMA)
    assert model.predict(FRAME).tolist() == [2.0, 4.0]
    assert [(part.file, part.share, part.way) for part in read_parts(folder)] == [
        ("model-1.pkl", 0.75, "all history"), ("model-2.pkl", 0.25, "90d"),
    ]  # fmt: skip
    assert json.loads((folder / "result.json").read_text()) == {"model": "mean of 2: Line", "rows": 10, "cpu_s": 2.0}
    assert model.get_params() == {"members": "0.75 Line + 0.25 Line"}


@pytest.mark.row("R5")
def test_one_model_alone_is_no_blend(tmp_path: Path) -> None:
    target = tmp_path / "version"
    target.mkdir()
    assemble(target, [(trained(tmp_path / "a", Line(3.0)), 1.0, "all history")])
    assert (read_parts(target), model_files(target)) == ((), ("model.pkl",))
    assert load_model(target, NUMBER, SCHEMA).predict(FRAME).tolist() == [3.0, 6.0]


@pytest.mark.row("R5")
def test_probabilities_are_put_in_the_label_s_order_before_they_are_added() -> None:
    same = Blend([Shares([0.2, 0.8], [0, 1]), Shares([0.6, 0.4], [1, 0])], [0.5, 0.5], BINARY)
    assert same.predict_proba(FRAME)[0] == pytest.approx([0.3, 0.7])
    assert same.predict(FRAME).tolist() == [1, 1]
    fewer = Blend([Shares([0.5, 0.25, 0.25]), Shares([0.9, 0.1], ["r", "p"])], [0.5, 0.5], CLASSES)
    assert fewer.predict_proba(FRAME)[0] == pytest.approx([0.3, 0.125, 0.575])
    assert fewer.classes_.tolist() == [0, 1, 2]


@pytest.mark.row("R5")
def test_a_member_that_answers_nonsense_makes_the_blend_fail_and_is_not_averaged_away() -> None:
    with pytest.raises(PredictFailed, match="NaN"):
        Blend([Line(1.0), Line(float("nan"))], [0.5, 0.5], NUMBER).predict(FRAME)
    with pytest.raises(PredictFailed, match="add up to 1"):
        Blend([Shares([0.5, 0.5]), Shares([0.5, 0.9])], [0.5, 0.5], BINARY).predict_proba(FRAME)


@pytest.mark.row("R5", "R6")
def test_every_member_is_scanned(folder: Path) -> None:
    found = scanned(folder, {})
    assert found.passed and "of the project's own code: " in found.because
    (folder / "model-2.pkl").write_bytes(b"no pickle")
    assert scanned(folder, {}).passed is False
    (folder / "model-2.pkl").unlink()
    assert scanned(folder, {}).passed is None
    with pytest.raises(Corrupt, match=r"no model-2\.pkl"):
        load_model(folder, NUMBER, SCHEMA)


def test_parts_that_cannot_be_read_are_corrupt(folder: Path) -> None:
    (folder / "blend.json").write_text("{}")
    with pytest.raises(Corrupt, match="does not say what the model is made of"):
        load_model(folder, NUMBER, SCHEMA)
