from __future__ import annotations

import pytest
from tests.benches import day
from tests.standin import lived, rolling
from tests.unit.cli.conftest import Terminal

from farero.app import App
from farero.core.finding import Finding
from farero.wiring import open_app


def test_nothing_seen_yet_is_an_empty_list(terminal: Terminal) -> None:
    assert terminal.json("monitor") == terminal.json("decisions") == terminal.json("incidents", "list") == []
    assert terminal.json("monitor", "--from", "soon", code=2)["error"]["code"] == "bad-input"


def test_an_incident_is_shown_acknowledged_noted_and_resolved(terminal: Terminal) -> None:
    app = open_app(terminal.root)
    found = Finding(kind="DATA_DRIFT", subject="x", severity="high", value=1.0, limit=0.1, because="x moved")
    (opened,) = app._loops["points"].alert.update(day(0), "1.0.0", [found])
    app.close()
    assert [incident["id"] for incident in terminal.json("incidents", "list")] == [opened.id]
    assert terminal.json("incidents", "ack", opened.id)["acknowledged_by"]
    terminal.run("incidents", "note", opened.id, "the sensor was moved")
    assert terminal.json("incidents", "resolve", opened.id, "--note", "repaired")["resolved"] is not None
    kinds = [event["kind"] for event in terminal.json("incidents", "show", opened.id)["timeline"]]
    assert kinds == ["opened", "acknowledged", "noted", "resolved"]
    assert "the sensor was moved" in terminal.run("incidents", "show", opened.id).stdout
    assert terminal.json("incidents", "show", "points-9", code=3)["error"]["code"] == "incident-not-found"


@pytest.mark.row("R7")
def test_a_rollout_s_steps_stand_among_the_decisions_newest_first(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = rolling(lived(20)).rollouts("bikes")[0]
    monkeypatch.setattr(App, "rollouts", lambda self, model: [rollout])
    first, second = terminal.json("decisions")
    assert (first["decision"]["action"], first["decision"]["policy"], first["candidate"]) == ("advance", "rollout", "1.4.0")
    assert first["decision"]["inputs"]["compared"][1]["kind"] == "latency"
    assert second["decision"]["because"] == ["it won its contest"]
    assert "advance (canary 5 %)" in terminal.run("decisions").stdout
