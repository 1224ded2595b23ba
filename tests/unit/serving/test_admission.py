from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema
from farero.serving.admission import Verdict, admit_job, read_verdict
from farero.serving.kinds import Source, write_source
from farero.serving.layout import write_contract

SCHEMA = Schema(fields=(Field(name="a", kind="number"), Field(name="b", kind="number")))
NUMBER = LabelSpec(name="y", kind="number", arrives_within=timedelta(hours=1))
BINARY = LabelSpec(name="y", kind="binary", arrives_within=timedelta(hours=1))
X = np.arange(20.0).reshape(10, 2)


def _judge(folder: Path, content: bytes, label: LabelSpec = NUMBER, trusted: tuple[str, ...] = ()) -> Verdict:
    (folder / "brought.pkl").write_bytes(content)
    write_contract(folder, SCHEMA, label)
    write_source(folder, Source(kind="pickle", file="brought.pkl", trusted=trusted))
    admit_job(folder)
    return read_verdict(folder)


@pytest.mark.row("U7")
def test_a_sound_model_is_asked_and_named(tmp_path: Path) -> None:
    verdict = _judge(tmp_path, pickle.dumps(LinearRegression().fit(X, X[:, 0])))
    assert (verdict.unknown, verdict.faults, verdict.problem, verdict.made) == ((), (), None, "LinearRegression")
    assert verdict.names >= 5


@pytest.mark.row("U7")
def test_unknown_names_stop_it_before_anything_is_loaded(tmp_path: Path) -> None:
    verdict = _judge(
        tmp_path, b"\x80\x04cos\nmkdir\n(X" + len(str(tmp_path / "made")).to_bytes(4, "little") + str(tmp_path / "made").encode() + b"tR."
    )
    assert verdict.unknown == ("os.mkdir",)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("model", "label", "says"),
    [
        (LinearRegression().fit(X, X[:, 0]), BINARY, "it is a LinearRegression, which has no predict_proba"),
        (LinearRegression().fit(X[:, :1], X[:, 0]), NUMBER, "2 features, but LinearRegression is expecting 1 features"),
        (LogisticRegression().fit(X, np.arange(10) % 3), BINARY, "3 classes|knows the class"),
        ({"weights": 1}, NUMBER, "it is a dict, which has no predict"),
    ],
)
def test_a_model_that_does_not_fit_says_why(tmp_path: Path, model: Any, label: LabelSpec, says: str) -> None:
    problem = _judge(tmp_path, pickle.dumps(model), label).problem
    assert problem is not None
    import re

    assert re.search(says, problem), problem


def test_a_cut_off_file_is_a_fault(tmp_path: Path) -> None:
    assert _judge(tmp_path, pickle.dumps(LinearRegression())[:-9]).faults[0].startswith("the file: ")


def test_another_scikit_learn_is_told(tmp_path: Path) -> None:
    model = LinearRegression().fit(X, X[:, 0])
    state = model.__getstate__()
    assert "_sklearn_version" in state
    content = pickle.dumps(model).replace(state["_sklearn_version"].encode(), b"0.0.1"[: len(state["_sklearn_version"])])
    assert _judge(tmp_path, content).notes[-1].startswith("fitted with scikit-learn 0.0.1, and here is")
