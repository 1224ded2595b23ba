"""Approvals: who may speak, how many must, and whose last word counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from farero.core import approval
from farero.core.approval import Approval, ApprovalRule

START = datetime(2026, 5, 1, tzinfo=UTC)
LISTED = ApprovalRule(approvals=1, approvers={"risk": ("ana", "ben")})


def said(by: str, *, role: str = "risk", approved: bool = True, minute: int = 0) -> Approval:
    return Approval(
        model="churn", number="1.1.0", by=by, role=role, approved=approved, at=START + timedelta(minutes=minute), because="seen"
    )  # fmt: skip


@pytest.mark.row("R2")
def test_only_those_declared_in_a_role_may_speak_in_it() -> None:
    assert approval.refused_because(LISTED, by="ana", role="risk", asked="farero") is None
    assert "there is no role 'boss'" in str(approval.refused_because(LISTED, by="ana", role="boss", asked="farero"))
    assert "carl is not declared as risk" in str(approval.refused_because(LISTED, by="carl", role="risk", asked="farero"))


@pytest.mark.row("R2")
def test_without_declared_roles_anybody_may_but_farero() -> None:
    rule = ApprovalRule(approvals=1)
    assert approval.refused_because(rule, by="ana", role="any", asked="farero") is None
    assert approval.refused_because(rule, by="farero", role="any", asked="ana") is not None


@pytest.mark.row("R7")
def test_four_eyes_are_two_people_and_none_of_them_twice() -> None:
    rule = ApprovalRule(approvals=1, four_eyes=True)
    assert approval.missing(rule, [said("ana")], "ana") == "1 of 1 approvals are missing, from anybody but ana"
    assert approval.missing(rule, [said("ben")], "ana") is None
    assert "1 of 2" in str(approval.missing(rule, [said("ana"), said("ana", minute=1)], "farero"))
    assert approval.missing(rule, [said("ana"), said("ben")], "farero") is None


@pytest.mark.row("R2")
def test_a_persons_last_word_counts() -> None:
    words = [said("ana", approved=False), said("ana", minute=5)]
    assert approval.refusal(LISTED, words, "farero") is None
    assert approval.missing(LISTED, words, "farero") is None
    assert approval.refusal(LISTED, words[::-1], "farero") == words[0]


def test_what_others_say_does_not_count() -> None:
    assert approval.standing(LISTED, [said("carl"), said("ana", role="boss")], "farero") == ()
    assert "from risk (ana, ben)" in str(approval.missing(LISTED, [said("carl")], "farero"))


def test_where_nobody_is_asked_nothing_is_missing() -> None:
    assert approval.needed(ApprovalRule(), "farero") == 0
    assert approval.missing(ApprovalRule(), [], "farero") is None
