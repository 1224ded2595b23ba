from __future__ import annotations

from datetime import timedelta

import pytest

from farero.core.approval import ApprovalRule
from farero.core.rollout import RolloutRule
from farero.project.rolling import Rollout


@pytest.mark.row("R7")
def test_a_declared_rollout_is_the_rule_that_the_core_goes_by() -> None:
    declared = Rollout(
        steps=[1, 10], shadow=200, least_rows=50, least_time="10m", approvals=2, approvers={"risk": ["ana", "ben"]}, four_eyes=True,
        alpha=0.05, slow_ms=20,
    )  # fmt: skip
    assert declared.rule == RolloutRule(
        steps=(1.0, 10.0), shadow_rows=200, least_rows=50, least_time=timedelta(minutes=10), alpha=0.05, slow_us=20_000.0,
        approval=ApprovalRule(approvals=2, approvers={"risk": ("ana", "ben")}, four_eyes=True),
    )  # fmt: skip


def test_what_is_not_said_is_five_twenty_five_and_fifty_percent_an_hour_each() -> None:
    rule = Rollout().rule
    assert (rule.steps, rule.least_time, rule.least_rows, rule.alpha) == ((5.0, 25.0, 50.0), timedelta(hours=1), 500, 0.01)
    assert rule.approval == ApprovalRule()
