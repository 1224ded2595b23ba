"""A worse candidate is refused, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from farero.core.contest import Difference
from farero.core.gate import GateRule, Verdict, judge
from farero.core.guards import Check

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


def gain(metric: str, current: float, candidate: float, *, better: float, spread: float = 0.01) -> Difference:
    sign = -1 if metric in ("log_loss", "mae") else 1
    return Difference(
        metric=metric, current=current, candidate=candidate, gain=sign * (candidate - current), low=-1.0, high=1.0, better=better,
        spread=spread, freedom=99, rows=100, method="delta",
    )  # fmt: skip


def asked(rule: GateRule, *differences: Difference, more: Sequence[Check] = ()) -> Verdict:
    first = differences[0]
    assert first.current is not None and first.candidate is not None
    return judge(
        rule, current={rule.metric: first.current}, candidate={rule.metric: first.candidate}, higher_is_better=rule.metric != "mae",
        loss_difference=np.where(np.arange(100) % 2 == 0, 0.1, -0.1) - 0.05, differences=differences, more=more,
    )  # fmt: skip


@pytest.mark.row("R6")
def test_a_gate_may_ask_to_be_sure() -> None:
    rule = GateRule(metric="roc_auc", sure=0.95)
    verdict = asked(rule, gain("roc_auc", 0.8, 0.82, better=0.9))
    assert verdict.because == ("better with a probability of 90.0%, 95.0% is asked for",)
    assert asked(rule, gain("roc_auc", 0.8, 0.82, better=0.97)).accepted
    assert asked(GateRule(metric="roc_auc"), gain("roc_auc", 0.8, 0.82, better=0.6)).accepted


@pytest.mark.row("R6")
def test_further_metrics_must_gain_what_is_asked_in_their_own_direction() -> None:
    rule = GateRule(metric="roc_auc", also={"log_loss": 0.05})
    better = gain("roc_auc", 0.8, 0.82, better=0.9)
    assert asked(rule, better, gain("log_loss", 0.5, 0.44, better=0.9)).accepted
    verdict = asked(rule, better, gain("log_loss", 0.5, 0.48, better=0.9))
    assert verdict.because == ("log_loss 0.48 against 0.5: a gain of 0.02, 0.05 or more is needed",)
    assert not asked(rule, better).accepted, "a metric that cannot be told has not gained"


@pytest.mark.row("R6")
def test_a_guard_stops_what_is_worse_beyond_chance_and_beyond_its_room() -> None:
    better = gain("roc_auc", 0.8, 0.82, better=0.9)
    strict, roomy = GateRule(metric="roc_auc", no_worse={"recall": 0.0}), GateRule(metric="roc_auc", no_worse={"recall": 0.1})
    verdict = asked(strict, better, gain("recall", 0.7, 0.65, better=0.01))
    assert verdict.because == ("recall 0.65 against 0.7: worse by more than 0, beyond chance",)
    assert asked(roomy, better, gain("recall", 0.7, 0.65, better=0.01)).accepted
    assert asked(strict, better, gain("recall", 0.7, 0.65, better=0.2, spread=0.05)).accepted, "that much is chance"
    assert asked(strict, better).accepted, "what cannot be told stops nobody"


@pytest.mark.row("R6")
def test_every_answer_is_in_the_verdict_and_every_failed_one_among_its_reasons() -> None:
    more = [Check(name="size", passed=False, because="too large"), Check(name="known rows", passed=None, because="none are kept")]
    rule = GateRule(metric="roc_auc", gain=0.1, also={"log_loss": 0.0})
    verdict = asked(rule, gain("roc_auc", 0.8, 0.82, better=0.9), gain("log_loss", 0.5, 0.6, better=0.1), more=more)
    assert [(check.name, check.passed) for check in verdict.checks] == [
        ("rows", True), ("answers", True), ("gain", False), ("gain of log_loss", False), ("size", False), ("known rows", None),
    ]  # fmt: skip
    assert len(verdict.because) == 3 and verdict.because[-1] == "too large"
    assert rule.metrics == ("roc_auc", "log_loss")


@pytest.mark.row("R6")
def test_a_verdict_of_an_earlier_release_is_still_read() -> None:
    old = {"accepted": True, "metric": {"current": 2.0, "candidate": 1.0}, "because": ["mae 1 against 2"], "rows": 40, "metrics": {}}
    verdict = msgspec.convert(old, Verdict)
    assert (verdict.accepted, verdict.checks, verdict.differences, verdict.against) == (True, (), (), None)


def tied(candidate: float, *, spread: float, outdated: bool, least: float = 0.0) -> Verdict:
    """A candidate beside production's .80, whose gain has this standard error."""
    found = gain("roc_auc", 0.80, candidate, better=0.4, spread=spread)
    return judge(
        GateRule(metric="roc_auc", gain=least), current={"roc_auc": 0.80}, candidate={"roc_auc": candidate}, higher_is_better=True,
        loss_difference=np.where(np.arange(100) % 2 == 0, 0.1, -0.1), differences=[found], outdated=outdated,
    )  # fmt: skip


@pytest.mark.row("R6")
def test_a_tie_goes_to_production_unless_labels_complain_of_it() -> None:
    assert not tied(0.795, spread=0.01, outdated=False).accepted
    verdict = tied(0.795, spread=0.01, outdated=True)
    assert verdict.accepted
    assert verdict.because[0].endswith("a gain of -0.005, not worse beyond chance, and production fails or grows old")


@pytest.mark.row("R6")
def test_what_is_worse_beyond_chance_is_no_tie() -> None:
    assert not tied(0.77, spread=0.01, outdated=True).accepted
    assert not tied(0.7999, spread=0.0, outdated=True).accepted


@pytest.mark.row("R6")
def test_where_a_least_gain_is_named_there_is_no_tie() -> None:
    assert not tied(0.81, spread=0.05, outdated=True, least=0.02).accepted


@pytest.mark.row("R6")
def test_without_an_interval_nothing_is_a_tie() -> None:
    verdict = judge(
        GateRule(metric="mae"), current={"mae": 5.0}, candidate={"mae": 5.0}, higher_is_better=False, loss_difference=np.zeros(40),
        outdated=True,
    )  # fmt: skip
    assert not verdict.accepted
