from __future__ import annotations

import pytest
from tests.unit.store.values import day, decision

from farero.core.gate import Verdict
from farero.store import decisions
from farero.store.database import Store

VERDICT = Verdict(
    accepted=True,
    metric={"current": None, "candidate": 0.84},
    because=("0.84 beats none",),
    rows=100,
    metrics={"roc_auc": {"current": float("nan"), "candidate": 0.84}},
)


@pytest.mark.row("R4")
def test_a_no_is_stored_with_its_reasons_and_inputs(store: Store) -> None:
    with store.write() as conn:
        assert decisions.add(conn, "churn", decision(0))
        found = decisions.find(conn, "churn", day(0))
    assert found is not None
    assert found.decision == decision(0)
    assert found.decision.because == ("no drift", "no fall")
    assert (found.candidate, found.verdict) == (None, None)


@pytest.mark.row("R4")
def test_a_window_is_decided_on_once_by_each_policy(store: Store) -> None:
    with store.write() as conn:
        assert decisions.add(conn, "churn", decision(0, action="retrain"))
        assert not decisions.add(conn, "churn", decision(0, action="keep"))
        assert decisions.add(conn, "churn", decision(0, action="keep", policy="never"))
        assert [found.decision.action for found in decisions.all(conn, "churn")] == ["keep", "retrain"]
        of_policy = decisions.find(conn, "churn", day(0), policy="farero")
    assert of_policy is not None
    assert of_policy.decision.action == "retrain"


@pytest.mark.row("R4")
def test_what_became_of_a_decision_is_stored_beside_it(store: Store) -> None:
    with store.write() as conn:
        decisions.add(conn, "churn", decision(0, action="retrain"))
        decisions.add(conn, "churn", decision(1))
        decisions.set_outcome(conn, "churn", day(0), "1.1.0", VERDICT)
        first, second = decisions.all(conn, "churn")
    assert (first.candidate, first.verdict) == (None, None)
    assert second.candidate == "1.1.0"
    assert second.verdict is not None
    assert second.verdict.accepted
    assert second.verdict.metric == VERDICT.metric


def test_a_window_without_a_decision_has_none(store: Store) -> None:
    with store.write() as conn:
        decisions.add(conn, "churn", decision(0))
        assert decisions.find(conn, "churn", day(1)) is None
        assert decisions.find(conn, "risk", day(0)) is None


def test_decisions_are_listed_newest_window_first(store: Store) -> None:
    with store.write() as conn:
        for number in (1, 0, 2):
            decisions.add(conn, "churn", decision(number))
        assert [found.decision.window for found in decisions.all(conn, "churn", last=2)] == [day(2), day(1)]
