from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.benches import T0, Installation

from farero.core.prediction import Outputs
from farero.core.schema import Columns
from farero.core.version import Version
from farero.errors import PredictFailed
from farero.serving import stored


def candidate(here: Installation, slope: float) -> Version:
    return here.loop.retrain.first(here.base(slope), until=T0, origin=f"train/{slope}", because="asked for", tags={}).version


@pytest.mark.row("M10")
def test_the_better_one_on_the_same_rows_is_accepted_with_both_figures(here: Installation) -> None:
    verdict = here.loop.validate.judge(candidate(here, 4.0), here.versions()[-1], here.base(4.0))
    assert verdict.accepted and verdict.rows == 60 and verdict.against == "1.0.0"
    current, new = verdict.metric["current"], verdict.metric["candidate"]
    assert current is not None and new is not None and current > 5 > 0.2 > new


@pytest.mark.row("M10")
def test_the_worse_one_is_refused_and_the_reason_names_both_figures(here: Installation) -> None:
    verdict = here.loop.validate.judge(candidate(here, 4.0), here.versions()[-1], here.base(2.0))
    assert not verdict.accepted
    assert "a gain of -" in verdict.because[0]


@pytest.mark.row("M10")
def test_an_equal_one_is_refused(here: Installation) -> None:
    verdict = here.loop.validate.judge(candidate(here, 2.0), here.versions()[-1], here.base(2.0))
    assert not verdict.accepted


def test_the_first_version_has_nobody_to_beat(here: Installation) -> None:
    verdict = here.loop.validate.judge(here.versions()[0], None, None)
    assert (verdict.accepted, verdict.because) == (True, ("there is no version in production to beat",))


@pytest.mark.parametrize("rows", [None, 0, 9])
def test_without_enough_rows_there_is_no_contest_to_win(here: Installation, rows: int | None) -> None:
    heldout = None if rows is None else here.base(4.0).where(np.arange(60) < rows)
    verdict = here.loop.validate.judge(candidate(here, 4.0), here.versions()[-1], heldout)
    assert not verdict.accepted
    assert "held out" in verdict.because[0] or "held-out" in verdict.because[0]


def test_a_policy_without_a_gate_accepts_whatever_was_trained(here: Installation) -> None:
    ungated = replace(here.loop.validate, gated=False)
    verdict = ungated.judge(candidate(here, 40.0), here.versions()[0], None)
    assert (verdict.accepted, verdict.because) == (True, ("the policy promotes without a contest",))


def test_a_candidate_that_cannot_answer_loses_with_its_failure(here: Installation) -> None:
    rows = here.base(2.0)
    rows = replace(rows, columns={**rows.columns, "x": np.full(60, np.nan)}, times=rows.times + (stored.moment(T0) - rows.times[0]))
    broken = candidate(here, 3.0)
    path = here.loop.retrain.files.open(broken.digest) / "model.pkl"
    assert path.exists()
    verdict = here.loop.validate.judge(broken, here.versions()[-1], rows)
    assert not verdict.accepted


@pytest.mark.row("R6")
def test_a_candidate_that_does_not_answer_known_rows_is_refused(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    made = candidate(here, 4.0)
    engine = here.loop.validate.pool.get(made, gate=False).engine
    answer, asked = engine.predict, iter((True, False))

    def predict(columns: Columns, count: int) -> Outputs:
        if not next(asked):
            raise PredictFailed("The model's predict answered with NaN or infinity.")
        return answer(columns, count)

    monkeypatch.setattr(engine, "predict", predict)
    strict = replace(here.loop.validate, rule=replace(here.loop.validate.rule, max_changed=1.0))
    verdict = strict.judge(made, here.versions()[-1], here.base(4.0))
    assert [check.name for check in verdict.checks if check.passed is False] == ["known rows"]
    assert "does not answer rows that production does" in verdict.because[0]


@pytest.mark.row("R6")
def test_a_gate_with_guards_puts_each_into_the_verdict(here: Installation) -> None:
    rule = replace(
        here.loop.validate.rule, also={"r2": 0.0}, no_worse={"rmse": 0.0}, sure=0.95, by=("shape",), segment_rows=5, max_changed=0.1
    )
    verdict = replace(here.loop.validate, rule=rule).judge(candidate(here, 4.0), here.versions()[-1], here.base(4.0))
    asked = {check.name: check.passed for check in verdict.checks}
    assert (
        asked.items() >= {"sure": True, "gain of r2": True, "no worse rmse": True, "segments of shape": True, "known rows": False}.items()
    )
    assert not verdict.accepted and "known rows are answered otherwise" in verdict.because[0]
    assert [difference.metric for difference in verdict.differences] == ["mae", "r2", "rmse"]
