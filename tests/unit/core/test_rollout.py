"""Rollouts: each stage is left for its reason, in order, and a bad canary never reaches the next one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farero.core import duel, rollout
from farero.core.approval import Approval, ApprovalRule
from farero.core.rollout import Evidence, Rollout, RolloutRule, Smoke, Stage

START = datetime(2026, 5, 1, tzinfo=UTC)
LATER = START + timedelta(hours=3)
RULE = RolloutRule(steps=(5, 50), least_rows=100)
SEEN = Evidence(production="1.0.0", state="staging", split="ours", smoke=Smoke(passed=True, because="50 rows answered"), rows=100)
BAD = {"errors": (duel.events(0.05, (30, 100), (0, 1900)),)}


def begun(rule: RolloutRule = RULE) -> Rollout:
    return rollout.begin("churn", "1.1.0", against="1.0.0", by="farero", because="it won", rule=rule, at=START)


def at_stage(kind: rollout.StageKind, share: float = 0.0, rule: RolloutRule = RULE) -> Rollout:
    return replace(begun(rule), stage=Stage(kind=kind, share=share, since=START))


def word(by: str, *, approved: bool = True) -> Approval:
    return Approval(model="churn", number="1.1.0", by=by, role="risk", approved=approved, at=START, because="too soon")


@pytest.mark.row("R7")
def test_a_good_version_goes_through_every_stage_and_each_is_on_record() -> None:
    one, at = begun(), START
    while one.is_open:
        at += timedelta(hours=1)
        one = rollout.moved(one, rollout.next_step(one, SEEN, at), at)
    assert one.status == "promoted"
    assert one.finished == at
    assert [line.stage for line in one.history] == ["staging", "staging", "smoke", "approval", "canary 5 %", "canary 50 %"]
    assert one.history[-1].because == ("100 requests at 50 %: no worse in ",) or one.history[-1].because[0].startswith("100 requests")


@pytest.mark.row("R7")
@pytest.mark.parametrize("kind", ["shadow", "canary"])
def test_a_worse_canary_is_rolled_back_whatever_else_is_there(kind: rollout.StageKind) -> None:
    one = at_stage(kind, 5.0 if kind == "canary" else 0.0, replace(RULE, shadow_rows=10))
    step = rollout.next_step(one, replace(SEEN, tallies=BAD), LATER)
    assert step.action == "roll back"
    assert "failed on 30.00% of its 100 requests" in step.because[0]
    assert rollout.moved(one, step, LATER).status == "rolled-back"


@pytest.mark.row("R7")
@pytest.mark.parametrize(
    ("seen", "at", "lacks"),
    [
        (replace(SEEN, rows=99), LATER, "99 of 100 requests at 5 %"),
        (SEEN, START + timedelta(minutes=59), "each step takes 1h"),
    ],
)
def test_a_step_lasts_until_it_has_its_rows_and_its_time(seen: Evidence, at: datetime, lacks: str) -> None:
    step = rollout.next_step(at_stage("canary", 5.0), seen, at)
    assert step.action == "stay"
    assert lacks in step.because[0]


@pytest.mark.row("R7")
def test_a_failed_smoke_test_ends_it_and_one_that_is_to_come_is_waited_for() -> None:
    failed = replace(SEEN, smoke=Smoke(passed=False, because="row 3: 500"))
    assert rollout.next_step(at_stage("smoke"), failed, LATER).because == ("the smoke test failed: row 3: 500",)
    assert rollout.next_step(at_stage("smoke"), replace(SEEN, smoke=None), LATER).action == "stay"


@pytest.mark.row("R7")
@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (replace(SEEN, production="1.0.9"), "1.0.9 is in production by now"),
        (replace(SEEN, production=None), "no version is in production by now"),
        (replace(SEEN, split="other"), "somebody changed how requests are split"),
        (replace(SEEN, state="archived"), "it is archived by now"),
    ],
)
def test_whoever_moves_things_by_hand_takes_the_rollout_out_of_fareros_hands(seen: Evidence, why: str) -> None:
    one = at_stage("canary", 5.0)
    step = rollout.next_step(one, replace(seen, tallies=BAD), LATER)
    assert (step.action, rollout.moved(one, step, LATER).status) == ("stop", "stopped")
    assert why in step.because[0]


@pytest.mark.row("R7")
def test_a_freeze_holds_it_where_it_is_and_does_not_hold_a_rollback() -> None:
    frozen = replace(SEEN, frozen="inventory")
    for one in (at_stage("approval"), at_stage("canary", 5.0), at_stage("canary", 50.0)):
        step = rollout.next_step(one, frozen, LATER)
        assert (step.action, step.because) == ("wait", ("production is frozen: inventory",))
        assert rollout.moved(one, step, LATER).waits_for == "production is frozen: inventory"
        assert rollout.next_step(one, replace(frozen, tallies=BAD), LATER).action == "roll back"


@pytest.mark.row("R7")
def test_it_waits_for_people_before_it_answers_anybody_and_goes_when_they_have_spoken() -> None:
    one = at_stage("approval", rule=replace(RULE, approval=ApprovalRule(approvals=2)))
    waiting = rollout.moved(one, rollout.next_step(one, replace(SEEN, approvals=(word("ana"),)), LATER), LATER)
    assert waiting.status == "waiting"
    assert "1 of 2 approvals are missing" in waiting.waits_for
    step = rollout.next_step(waiting, replace(SEEN, approvals=(word("ana"), word("ben"))), LATER)
    assert (step.action, step.stage.share) == ("advance", 5.0)
    assert step.because == ("approved by ana (risk), ben (risk)",)
    refused = rollout.next_step(waiting, replace(SEEN, approvals=(word("ben", approved=False),)), LATER)
    assert (refused.action, refused.because) == ("roll back", ("ben (risk) refused it: too soon",))


def test_waiting_for_the_same_thing_adds_no_line() -> None:
    one = at_stage("approval", rule=replace(RULE, approval=ApprovalRule(approvals=1)))
    step = rollout.next_step(one, SEEN, LATER)
    waiting = rollout.moved(one, step, LATER)
    assert rollout.moved(waiting, step, LATER + timedelta(hours=1)) == waiting


def test_a_split_made_by_hand_is_not_overwritten() -> None:
    step = rollout.next_step(at_stage("approval"), replace(SEEN, split="other"), LATER)
    assert (step.action, step.because) == ("stay", ("its endpoint is split by hand; free it first",))


@pytest.mark.row("R7")
def test_a_shadow_lasts_until_it_has_its_rows() -> None:
    one = at_stage("shadow", rule=replace(RULE, shadow_rows=200))
    assert rollout.next_step(one, replace(SEEN, rows=199), LATER).because == ("199 of 200 requests answered in secret",)
    assert rollout.next_step(one, replace(SEEN, rows=200), LATER).stage.kind == "approval"


def test_without_steps_it_goes_from_the_smoke_test_to_production() -> None:
    one = begun(RolloutRule())
    actions = []
    while one.is_open:
        step = rollout.next_step(one, replace(SEEN, split="production"), START)
        actions.append(step.action)
        one = rollout.moved(one, step, START)
    assert actions == ["advance", "advance", "finish"]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(["ours", "other"]), st.integers(0, 200)), min_size=1, max_size=30))
def test_no_course_of_evidence_skips_a_stage_or_moves_what_is_closed(course: list[tuple[bool, bool, rollout.SplitSeen, int]]) -> None:
    one, at, order = begun(), START, [str(Stage(kind=k, share=s, since=START)) for k, s in rollout.stages(RULE)]
    for bad, frozen, split, rows in course:
        if not one.is_open:
            break
        at += timedelta(minutes=40)
        seen = replace(SEEN, tallies=BAD if bad else {}, frozen="so" if frozen else None, split=split, rows=rows)
        before, one = one, rollout.moved(one, rollout.next_step(one, seen, at), at)
        assert order.index(str(one.stage)) - order.index(str(before.stage)) in (0, 1)
        assert (one.finished is None) == one.is_open
    if one.status == "promoted":
        assert [line.stage for line in one.history if line.action in ("advance", "finish")] == order[:-1]
