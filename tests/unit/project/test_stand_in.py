from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from farero.project import stand_in, trial
from farero.project.frame import frame, series
from farero.project.learning import TrainingSet

FIELDS = {
    "size": {"kind": "number"},
    "colour": {"kind": "choice", "levels": ["red", "green"]},
    "ok": {"kind": "flag"},
    "at": {"kind": "date"},
    "mail": {"kind": "personal"},
}


def _plan(kind: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "label": "y", "kind": kind, "arrives_within": "1d", "fields": FIELDS, **more}


@pytest.mark.parametrize(
    "plan",
    [_plan("binary", positive=None), _plan("number"), _plan("classes", classes=["a", "b", "c"])],
    ids=["binary", "number", "classes"],
)
def test_the_stand_in_trains_a_model_of_every_kind_with_dates_and_gaps(plan: dict[str, Any]) -> None:
    project = stand_in.build(plan)
    columns, labels = trial.sample(project.schema, project.label_spec, seed=0)
    rows = frame(project.schema, columns)
    data = TrainingSet(X=rows, y=series(project.label_spec, labels), seed=0, until=datetime(2024, 1, 1, tzinfo=UTC))
    trial.check_model(project.train(data), project.label_spec, rows)


def test_the_stand_in_accepts_gaps_and_new_levels_and_drops_personal_data() -> None:
    schema = stand_in.build(_plan("number")).schema
    assert all(field.missing for field in schema.fields)
    assert [field.new_levels for field in schema.fields] == [False, True, False, False, False]
    assert [field.privacy for field in schema.personal] == ["drop"]


def test_equal_seeds_train_equal_models() -> None:
    project = stand_in.build({**_plan("number"), "fields": {"size": {"kind": "number"}}})
    columns, labels = trial.sample(project.schema, project.label_spec, seed=0)
    rows = frame(project.schema, columns)
    data = TrainingSet(X=rows, y=series(project.label_spec, labels), seed=0, until=datetime(2024, 1, 1, tzinfo=UTC))
    assert np.array_equal(project.train(data).predict(rows), project.train(data).predict(rows))
