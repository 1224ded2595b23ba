"""Core values as they are sent."""

from __future__ import annotations

from tests.standin import lived

from farero.rest import sent

APP = lived(20)


def test_a_window_is_sent_with_verdict_columns_and_metrics() -> None:
    seen = APP.seen["bikes"][-1]
    out = sent.observation_out(seen)
    assert (out.start, out.rows, out.version) == (seen.window.start, 168, seen.version)
    assert [column.name for column in out.columns] == [column.name for column in seen.columns]
    assert out.metrics == dict(seen.metrics)


def test_a_decision_is_sent_with_what_became_of_it() -> None:
    retrain = next(one for one in APP.decided["bikes"] if one.decision.action == "retrain")
    out = sent.decision_out(retrain)
    assert (out.action, out.candidate) == ("retrain", retrain.candidate)
    assert out.verdict is not None
    assert out.verdict.accepted


def test_an_incident_is_sent_with_its_timeline() -> None:
    out = sent.incident_out(APP.trouble[-1])
    assert [event.kind for event in out.timeline] == ["opened", "seen", "resolved"]


def test_versions_moves_and_runs_are_sent_whole() -> None:
    assert sent.version_out(APP.stored["bikes"][0]).state == "production"
    assert sent.move_out(APP.history["bikes"][0]).target == "candidate"
    assert sent.run_out(APP.trained[0]).status == "succeeded"
