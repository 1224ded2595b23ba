from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from tests.benches import DAY, T0, Installation

from farero.core.label import LabelSpec
from farero.core.prediction import Outputs
from farero.core.schema import check_rows
from farero.errors import LogUnavailable, NotReady
from farero.flow.predict import plain
from farero.store import refusals


@pytest.mark.row("S1", "L1")
def test_an_answer_is_recorded_with_the_version_that_gave_it(here: Installation) -> None:
    here.predict(0, 3)
    table = here.loop.record.log.read("points", T0, T0 + DAY)
    assert table["version"].to_pylist() == ["1.0.0"] * 3
    assert table["request_id"].to_pylist() == ["day-0"] * 3
    assert table["input_x"].to_pylist() == [1.0, 3.0, 5.0]
    assert table["key"].to_pylist() == ["c0", "c1", "c2"]
    assert np.allclose(table["prediction"].to_numpy(), [2.0, 6.0, 10.0], atol=0.1)


@pytest.mark.row("L1")
def test_an_answer_that_cannot_be_recorded_is_not_given(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(record: object) -> None:
        raise LogUnavailable("The disk is full.")

    monkeypatch.setattr(here.loop.predict.spool, "write", full)
    with pytest.raises(LogUnavailable, match="disk is full"):
        here.loop.predict.answer(here.rows(2), request_id="r", endpoint="predict", at=T0)


def test_nothing_is_answered_and_nothing_recorded_without_a_version_in_production(here: Installation) -> None:
    here.loop.predict.pool.drop("points")
    with pytest.raises(NotReady):
        here.loop.predict.answer(here.rows(2), request_id="r", endpoint="predict", at=T0)
    here.bench.hand_over()
    assert here.loop.record.log.span("points") is None


def test_an_answer_is_spelt_row_by_row_in_order(here: Installation) -> None:
    answered = here.loop.predict.answer(here.rows(2), request_id="r", endpoint="predict", at=T0)
    served = here.loop.predict.spell(answered)
    assert (served.request_id, served.model, served.version) == ("r", "points", "1.0.0")
    assert [round(float(answer.prediction)) for answer in served.predictions] == [2, 10]
    assert {(answer.probability, answer.risk_level) for answer in served.predictions} == {(None, None)}


def test_refused_rows_are_counted_by_field_and_reason_and_not_kept(here: Installation) -> None:
    faults = check_rows(here.loop.predict.schema, [{"x": "no", "shape": "a"}, {"x": "no", "shape": "c"}, {"colour": 1}]).faults
    day = datetime(2024, 1, 1, tzinfo=UTC).date()
    here.loop.predict.refuse(faults, day)
    with here.bench.store.read() as conn:
        found = refusals.between(conn, "points", day, day + DAY)
    assert {(entry.path, entry.count) for entry in found} >= {("x", 2), ("shape", 1), ("(undeclared)", 1)}
    assert {entry.path for entry in found} == {"x", "shape", "(undeclared)"}


def test_classes_are_kept_by_name_and_numbers_as_they_are() -> None:
    outputs = Outputs(value=np.array([1.0, 0.0]))
    label = LabelSpec(name="plan", kind="classes", arrives_within=DAY, classes=("a", "b"))
    assert plain(label, outputs) == ["b", "a"]
    assert plain(LabelSpec(name="y", kind="number", arrives_within=DAY), outputs) == [1.0, 0.0]
