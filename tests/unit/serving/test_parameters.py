from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.unit.serving.test_pyfunc import SCHEMA

from farero.core.label import LabelSpec
from farero.core.window import parse_duration
from farero.serving.layout import write_contract
from farero.serving.parameters import parameters_in, parameters_of

LABEL = LabelSpec(name="y", kind="binary", arrives_within=parse_duration("1d"))


@pytest.mark.row("R9")
def test_every_step_of_a_pipeline_tells_its_settings(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(np.eye(4)[:, :2], [0, 1, 0, 1])
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    write_contract(tmp_path, SCHEMA, LABEL)
    found = parameters_in(tmp_path)
    assert (found["class"], found["logisticregression__C"], found["standardscaler__with_mean"]) == ("Pipeline", "0.5", "True")
    assert "steps" not in found, "objects and long texts are left out"


def test_a_booster_tells_what_it_was_trained_with() -> None:
    class Booster:
        params = {"num_leaves": 31, "metric": ["auc"]}  # noqa: RUF012

    assert parameters_of(Booster()) == {"class": "Booster", "num_leaves": "31"}


def test_a_model_whose_own_code_fails_or_tells_nothing_has_its_class_only() -> None:
    class Broken:
        def get_params(self) -> dict[str, int]:
            raise RuntimeError("no")

    assert parameters_of(Broken()) == {"class": "Broken"}
    assert parameters_of(3) == {"class": "int"}


def test_a_model_that_cannot_be_loaded_here_has_none(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"?")
    write_contract(tmp_path, SCHEMA, LABEL)
    assert parameters_in(tmp_path) == {}
