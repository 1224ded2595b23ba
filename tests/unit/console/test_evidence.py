from __future__ import annotations

import pytest
from tests.standin import START, contested

from farero.console import evidence
from farero.console.i18n import Words
from farero.core.gate import Verdict
from farero.core.window import Window, parse_duration

DECIDED = contested(Window(start=START, end=START + parse_duration("1w")))


@pytest.mark.row("R4")
def test_what_a_decision_was_made_from_is_told_without_what_was_not_there() -> None:
    told = {one.name: one.text for one in evidence.known(DECIDED.decision.inputs, Words("en"))}
    assert told["newest labelled rows"] == "71.2"
    assert told["drift alarm"] == "yes"
    assert told["new labelled rows"] == "1,512"
    assert "last_training" not in told


def test_a_figure_without_a_word_keeps_its_own_name() -> None:
    found = next(one for one in evidence.known(DECIDED.decision.inputs, Words("es")) if one.name == "of_tomorrow")
    assert (found.named, found.text) == (False, "2,50")


@pytest.mark.row("R6")
def test_gains_come_with_their_interval_and_how_sure_they_are() -> None:
    assert DECIDED.verdict is not None
    first, second = evidence.gains(DECIDED.verdict, Words("en"))
    assert (first.name, first.current, first.candidate, first.gain, first.sure) == ("MAE", "55.1", "48.2", "6.90 (4.10 … 9.80)", "99.9%")
    assert first.drawing.startswith("<svg")
    assert (second.name, second.gain, second.drawing) == ("RMSE", "–", "")


def test_every_question_is_told_with_what_came_of_it() -> None:
    assert DECIDED.verdict is not None
    found = evidence.asked(DECIDED.verdict, Words("en"))
    assert [(one.name, one.css, one.answer) for one in found] == [
        ("gain", "good", "passed"), ("scan", "calm", "not asked"), ("pace", "high", "failed"),
    ]  # fmt: skip


def test_a_verdict_of_a_failed_training_has_no_contest_to_show() -> None:
    verdict = Verdict(accepted=False, metric={"current": None, "candidate": None}, because=("train raised ValueError",))
    assert (evidence.gains(verdict, Words("en")), evidence.asked(verdict, Words("en"))) == ((), ())
