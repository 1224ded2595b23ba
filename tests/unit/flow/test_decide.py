from __future__ import annotations

from datetime import timedelta
from math import log
from pathlib import Path
from typing import Any

import pytest
from tests.benches import DAY, LOST, WON, Installation, day, install

from farero.core import policy
from farero.core.contest import Difference
from farero.core.gate import Verdict
from farero.core.policy import Decision, PolicyRule
from farero.project.load import Loaded
from farero.store import decisions

PATIENT = PolicyRule(name="patient", trigger="always", cooldown=2 * DAY, min_rows=1, holdout_share=0.5)
SOON = 2 ** (log(0.97) / log(0.75))
CALM: dict[str, Any] = {
    "drift_alarm": False, "drift_because": "", "drift_share": 0.0, "performance": 1.0, "baseline": 1.0,
    "performance_fell": False, "loss_because": "", "performance_fresh": True,
}  # fmt: skip


@pytest.mark.row("M9")
def test_a_decision_is_made_once_a_window_and_read_back_afterwards(here: Installation) -> None:
    first = here.loop.decide.choose(day(0), **CALM, at=day(0).end)
    later = here.loop.decide.choose(day(0), **(CALM | {"drift_alarm": True, "drift_because": "x moved"}), at=day(1).end)
    assert later == first
    with here.bench.store.read() as conn:
        assert [entry.decision for entry in decisions.all(conn, "points")] == [first]


@pytest.mark.row("M9")
def test_inside_the_cool_down_nothing_is_trained_and_the_reason_names_the_last_training(points: Loaded, tmp_path: Path) -> None:
    here = install(points, tmp_path, PATIENT)
    here.start()
    assert here.day(0, WON).decision.action == "retrain"
    turn = here.day(1, WON)
    assert turn.decision.action == "keep"
    assert turn.decision.because[-1] == "but the last training was on 2024-01-02, inside the cool-down of 2d"
    assert here.day(2, WON).decision.action == "retrain"


@pytest.mark.row("M10")
def test_a_lost_contest_doubles_the_cool_down(points: Loaded, tmp_path: Path) -> None:
    here = install(points, tmp_path, PolicyRule(name="patient", trigger="always", cooldown=DAY, min_rows=1, holdout_share=0.5))
    here.start()
    assert here.day(0, LOST).decision.action == "retrain"
    calm = here.loop.decide.choose(day(1), **CALM, at=day(1).end)
    assert calm.action == "keep"
    assert calm.because[-1].endswith("inside the cool-down of 2d after 1 contests that gained little or nothing")


@pytest.mark.row("M9")
def test_a_forced_decision_carries_the_reason_of_the_person(here: Installation) -> None:
    decision = here.loop.decide.forced(day(0), because="a new season", at=day(0).end)
    assert (decision.action, decision.because, decision.policy) == ("retrain", ("asked for: a new season",), "forced")


def test_the_outcome_of_a_failed_training_is_a_verdict_with_its_failure(here: Installation) -> None:
    here.loop.decide.choose(day(0), **CALM, at=day(0).end)
    assert here.loop.decide.verdict(day(0)) is None
    here.loop.decide.outcome(day(0), candidate=None, verdict=None, failed="out of memory")
    found = here.loop.decide.verdict(day(0))
    assert found == Verdict(accepted=False, metric={"current": None, "candidate": None}, because=("out of memory",))


def test_labels_that_are_known_only_later_do_not_count_as_new_rows(points: Loaded, tmp_path: Path) -> None:
    here = install(points, tmp_path, PolicyRule(name="many", trigger="always", cooldown=timedelta(0), min_rows=30))
    here.start()
    here.predict(0)
    here.label(0, rows=range(29))
    here.label(0, rows=range(29, 40), known_at=day(0).end + timedelta(seconds=1))
    (turn,) = here.end(0)
    assert turn.decision.because[-1] == "but only 29 labelled rows are newer than what production was trained on, 30 are needed"
    here.predict(1)
    (turn,) = here.end(1)
    assert turn.decision.action == "retrain"


@pytest.mark.row("R4")
def test_each_decision_carries_what_the_budget_has_saved_and_can_be_made_again(points: Loaded, tmp_path: Path) -> None:
    rule = PolicyRule(name="thrifty", cooldown=timedelta(0), min_rows=1, budget=0.5, holdout_share=0.5)
    here = install(points, tmp_path, rule)
    here.start()
    saved = []
    for number in range(5):
        here.predict(number)
        here.label(number, [2.0 + 2 * number] * 40)
        decision = here.loop.decide.choose(day(number), **(CALM | {"loss_because": "losses rose"}), at=day(number).end)
        saved.append((decision.inputs["saved"], decision.action))
        assert policy.again(decision, rule) == decision
    assert saved == [(1.0, "retrain"), (0.5, "keep"), (1.0, "retrain"), (0.5, "keep"), (1.0, "retrain")]


@pytest.mark.row("R4")
def test_a_window_in_the_future_that_a_wrong_clock_closed_does_not_hold_later_decisions_back(points: Loaded, tmp_path: Path) -> None:
    here = install(points, tmp_path, PolicyRule(name="patient", trigger="always", cooldown=7 * DAY, min_rows=1))
    here.start()
    here.predict(0)
    here.label(0, WON)
    assert here.loop.decide.choose(day(400), **CALM, at=day(400).end).action == "retrain"
    assert here.loop.decide.choose(day(0), **CALM, at=day(0).end).action == "retrain"
    here.predict(1)
    here.label(1, WON)
    assert here.loop.decide.choose(day(401), **CALM, at=day(401).end).because[-1].endswith("inside the cool-down of 1w")


@pytest.mark.row("R4")
@pytest.mark.parametrize(("accepted", "better", "needed"), [(True, 0.97, SOON), (True, 0.7, 2.0), (True, None, SOON), (False, 0.97, 8.0)])
def test_only_a_gain_beyond_chance_speaks_for_another_retraining_with_fewer_new_rows(
    here: Installation, accepted: bool, better: float | None, needed: float
) -> None:
    won = Verdict(
        accepted=accepted, metric={"current": 4.0, "candidate": 3.0}, because=("",), rows=20, against="0.9.0",
        differences=(Difference(metric="mae", current=4.0, candidate=3.0, gain=1.0, better=better),),
    )  # fmt: skip
    with here.bench.store.write() as conn:  # as many new rows as production had learnt from
        inputs = {"learnt_from": 40, "new_labelled": 40}
        decisions.add(conn, "points", Decision(at=day(0).end, action="retrain", because=("",), policy="p", window=day(0), inputs=inputs))
    here.loop.decide.outcome(day(0), candidate="1.1.0", verdict=won, failed=None)
    found = here.loop.decide.choose(day(1), **CALM, at=day(1).end).inputs
    assert found["gained"] == 0.25 and found["growth_needed"] == pytest.approx(needed)


@pytest.mark.row("R4")
def test_a_winner_that_does_not_serve_has_gained_nothing_yet_and_a_failed_training_says_nothing(here: Installation) -> None:
    won = Verdict(accepted=True, metric={"current": 4.0, "candidate": 3.0}, because=("",), rows=20, against="1.0.0")
    with here.bench.store.write() as conn:
        inputs = {"learnt_from": 40, "new_labelled": 40}
        decisions.add(conn, "points", Decision(at=day(0).end, action="retrain", because=("",), policy="p", window=day(0), inputs=inputs))
        decisions.add(conn, "points", Decision(at=day(1).end, action="retrain", because=("",), policy="p", window=day(1), inputs=inputs))
    here.loop.decide.outcome(day(0), candidate="1.1.0", verdict=won, failed=None)
    here.loop.decide.outcome(day(1), candidate=None, verdict=None, failed="train raised")
    found = here.loop.decide.choose(day(2), **CALM, at=day(2).end).inputs
    assert (found["gained"], found["growth_needed"]) == (0.25, 8.0), "1.0.0 still serves, on its way or rolled back to"
