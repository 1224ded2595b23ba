from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.store.values import DAY, T0

from farero.core import canary, duel, rollout
from farero.core.approval import ApprovalRule
from farero.core.rollout import Evidence, Rollout, RolloutRule, Smoke
from farero.errors import Conflict, NotFound, StaleDecision
from farero.store import rollouts
from farero.store.database import Store

RULE = RolloutRule(
    steps=(5, 50), least_time=timedelta(hours=2), approval=ApprovalRule(approvals=1, approvers={"risk": ("ana",)}, four_eyes=True)
)  # fmt: skip


def begun(number: str = "1.1.0", *, model: str = "churn") -> Rollout:
    return rollout.begin(model, number, against="1.0.0", by="ana", because="it won", rule=RULE, at=T0)


@pytest.mark.row("R7")
def test_a_rollout_comes_back_with_its_rule_its_counts_and_its_history(store: Store) -> None:
    tallies: canary.Tallies = {"errors": (duel.events(0.05, (1, 10), (0, 90)),)}
    seen = Evidence(production="1.0.0", state="staging", smoke=Smoke(passed=True, because="50 rows answered"), tallies=tallies)
    with store.write() as conn:
        known = rollouts.add(conn, begun())
        later = rollout.moved(replace(known, tallies=tallies), rollout.next_step(known, seen, T0 + DAY), T0 + DAY)
        saved = rollouts.save(conn, later)
        assert rollouts.get(conn, "churn", known.id) == saved == replace(later, revision=2)
        assert rollouts.find_open(conn, "churn") == saved
        assert saved.history[1].compared[0].rows == (10, 90)


@pytest.mark.row("R7")
def test_a_model_has_one_open_rollout_and_others_have_their_own(store: Store) -> None:
    with store.write() as conn:
        first = rollouts.add(conn, begun())
        rollouts.add(conn, begun(model="risk"))
        with pytest.raises(Conflict, match=r"1\.1\.0 is on its way"):
            rollouts.add(conn, begun("1.2.0"))
        rollouts.save(conn, replace(first, status="stopped", finished=T0 + DAY))
        second = rollouts.add(conn, begun("1.2.0"))
        assert [one.number for one in rollouts.all(conn, "churn")] == ["1.2.0", "1.1.0"]
        assert [one.model for one in rollouts.all(conn, last=2)] == ["churn", "risk"]
        assert rollouts.find_open(conn, "churn") == second


@pytest.mark.row("R7")
def test_of_two_that_change_it_at_once_one_wins(store: Store) -> None:
    with store.write() as conn:
        known = rollouts.add(conn, begun())
        rollouts.save(conn, replace(known, stage_rows=1))
        with pytest.raises(StaleDecision, match="changed since"):
            rollouts.save(conn, replace(known, stage_rows=2))
        assert rollouts.get(conn, "churn", known.id).stage_rows == 1


def test_an_unknown_rollout_says_where_to_look(store: Store) -> None:
    with store.read() as conn, pytest.raises(NotFound, match="farero rollouts"):
        rollouts.get(conn, "churn", 7)
