from __future__ import annotations

import numpy as np
import pytest

from farero.core import guards
from farero.core.prediction import Outputs
from farero.core.segments import Cut

RANDOM = np.random.default_rng(4)
LABELS = RANDOM.normal(50, 10, 400)
GOOD = Outputs(value=LABELS + RANDOM.normal(0, 2, 400))
PLAN = Cut(feature="plan", names=("monthly", "yearly", "rare"), codes=np.repeat([0, 1, 2], [200, 190, 10]))


def yes_no(shares: np.ndarray) -> Outputs:
    return Outputs(value=(shares >= 0.5).astype(float), probability=shares)


@pytest.mark.row("R6")
def test_a_segment_that_loses_is_found_although_the_whole_gains() -> None:
    worse = np.where(PLAN.codes == 1, 8.0, 0.1)
    candidate = Outputs(value=LABELS + worse)
    (check,) = guards.segments("number", "mae", LABELS, GOOD, candidate, [PLAN], room=0.0, min_rows=30)
    assert check.passed is False and check.name == "segments of plan"
    assert "plan yearly: mae 8 against" in check.because and "monthly" not in check.because
    assert check.figures["monthly"] > 0 > check.figures["yearly"] and "rare" not in check.figures
    (roomy,) = guards.segments("number", "mae", LABELS, GOOD, candidate, [PLAN], room=10.0, min_rows=30)
    assert roomy.passed is True


@pytest.mark.row("R6")
def test_chance_in_many_segments_stops_few_candidates() -> None:
    random = np.random.default_rng(8)
    stopped = 0
    for _ in range(100):
        labels = random.normal(size=600)
        old, new = (Outputs(value=labels + random.normal(size=600)) for _ in range(2))
        cut = Cut(feature="shop", names=tuple("abcdefghijkl"), codes=random.integers(0, 12, 600))
        stopped += any(check.passed is False for check in guards.segments("number", "mae", labels, old, new, [cut], room=0.0, min_rows=30))
    assert stopped <= 11


@pytest.mark.row("R6")
def test_segments_of_few_rows_are_not_judged() -> None:
    (check,) = guards.segments("number", "mae", LABELS, GOOD, GOOD, [PLAN], room=0.0, min_rows=300)
    assert check.passed is None and "has 300 rows" in check.because


@pytest.mark.row("R6")
def test_probabilities_that_promise_too_much_are_stopped_beyond_the_room() -> None:
    random = np.random.default_rng(9)
    true = random.beta(2, 2, 2000)
    labels = (random.random(2000) < true).astype(float)
    sharp = yes_no(np.clip((true - 0.5) * 4 + 0.5, 0.001, 0.999))
    check = guards.calibration("binary", labels, yes_no(true), sharp, room=0.1)
    assert check is not None and check.passed is False and "worse by more than 0.1" in check.because
    assert check.figures["current"] < 0.02 and check.figures["candidate"] > 0.15
    again = guards.calibration("binary", labels, sharp, yes_no(true), room=0.0)
    assert again is not None and again.passed is True


def test_few_rows_do_not_show_calibration_and_numbers_have_none() -> None:
    few = guards.calibration("binary", np.zeros(50), yes_no(np.full(50, 0.2)), yes_no(np.full(50, 0.9)), room=0.1)
    assert few is not None and few.passed is None
    assert guards.calibration("number", LABELS, GOOD, GOOD, room=0.1) is None


@pytest.mark.row("R6")
def test_one_answer_to_every_row_is_stopped_unless_production_does_the_same() -> None:
    flat = Outputs(value=np.full(400, 50.0))
    check = guards.distribution("number", (), LABELS, GOOD, flat)
    assert check.passed is False and check.because == "it answers 50 to every row, and production does not"
    assert guards.distribution("number", (), LABELS, flat, flat).passed is True


@pytest.mark.row("R6")
def test_answers_out_of_all_reason_are_stopped() -> None:
    wild = Outputs(value=np.where(np.arange(400) < 3, 1e6, GOOD.value))
    check = guards.distribution("number", (), LABELS, GOOD, wild)
    assert check.passed is False and "3 answers lie more than 10 times the labels' range beyond it" in check.because
    assert guards.distribution("number", (), LABELS, GOOD, GOOD).passed is True


@pytest.mark.row("R6")
def test_a_class_that_is_never_answered_any_more_is_named() -> None:
    labels = np.tile([0.0, 1.0, 2.0, 2.0], 100)
    old = Outputs(value=labels)
    new = Outputs(value=np.where(labels == 1, 2.0, labels))
    check = guards.distribution("classes", ("low", "middle", "high"), labels, old, new)
    assert check.passed is False and "it never answers middle" in check.because
    rare = np.where(np.arange(400) < 5, 1.0, 0.0)
    assert guards.distribution("binary", (), rare, Outputs(value=rare), Outputs(value=np.tile([0.0, 0.0], 200))).passed is False
    assert guards.distribution("binary", (), rare, yes_no(rare), yes_no(np.linspace(0, 0.4, 400))).passed is True
