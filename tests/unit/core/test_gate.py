"""A worse candidate is refused, with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from farero.core.gate import GateRule, Verdict, judge

RULE = GateRule(metric="mae", gain=1.0, min_rows=30)


def contest(current: float, candidate: float, *, rows: int = 100, difference: float = -1.0, answered: float = 1.0) -> Verdict:
    noise = np.where(np.arange(rows) % 2 == 0, 0.5, -0.5)
    return judge(
        RULE, current={"mae": current}, candidate={"mae": candidate}, higher_is_better=False, loss_difference=noise + difference,
        share_answered=answered,
    )  # fmt: skip


@pytest.mark.row("R6")
def test_a_clear_gain_is_accepted_with_both_figures() -> None:
    verdict = contest(60.0, 50.0)
    assert verdict.accepted
    assert verdict.metric == {"current": 60.0, "candidate": 50.0}
    assert verdict.because == ("mae 50 against 60 on 100 held-out rows: a gain of 10",)


@pytest.mark.row("R6")
@pytest.mark.parametrize(
    ("current", "candidate", "words"),
    [(60.0, 59.5, "1 or more is needed"), (50.0, 60.0, "a gain of -10")],
    ids=["gain too small", "worse"],
)
def test_too_little_gain_is_refused(current: float, candidate: float, words: str) -> None:
    verdict = contest(current, candidate)
    assert not verdict.accepted and words in verdict.because[0]


@pytest.mark.row("R6")
def test_too_few_rows_judge_nothing() -> None:
    assert contest(60.0, 50.0, rows=29).because == ("only 29 held-out rows have labels, 30 are needed to judge",)


@pytest.mark.row("R6")
def test_losses_that_grow_beyond_chance_are_refused_although_the_metric_gains() -> None:
    verdict = contest(60.0, 50.0, difference=+1.0)
    assert not verdict.accepted and "losses are larger" in verdict.because[0]


@pytest.mark.row("R6")
def test_a_candidate_that_does_not_answer_every_row_is_refused() -> None:
    assert not contest(60.0, 50.0, answered=0.99).accepted


@pytest.mark.row("R6")
def test_an_undefined_metric_is_no_win() -> None:
    verdict = judge(RULE, current={}, candidate={"mae": 1.0}, higher_is_better=False, loss_difference=np.zeros(40))
    assert not verdict.accepted and "undefined" in verdict.because[0]


@pytest.mark.row("R6")
def test_no_gain_at_all_is_never_enough() -> None:
    rule = GateRule(metric="mae")
    same = judge(rule, current={"mae": 5.0}, candidate={"mae": 5.0}, higher_is_better=False, loss_difference=np.zeros(40))
    assert not same.accepted
