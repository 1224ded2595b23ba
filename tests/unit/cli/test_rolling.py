from __future__ import annotations

import pytest
from tests.benches import PROJECT
from tests.unit.cli.conftest import Terminal


@pytest.fixture
def by_stages(terminal: Terminal) -> Terminal:
    """The same project, with a rollout declared."""
    declared = 'rollout=fa.Rollout(steps=(20,), approvals=1, approvers={"risk": ["ana"]}), gate=fa.Gate('
    (terminal.root / "project.py").write_text(PROJECT.replace("gate=fa.Gate(", declared))
    return terminal


@pytest.mark.row("R7", "R2")
def test_a_rollout_is_begun_approved_followed_and_stopped_by_hand(by_stages: Terminal) -> None:
    assert "goes on by stages" in by_stages.run("promote", "1.1.0").stdout
    by_stages.run("retrain")
    assert "waiting" in by_stages.run("rollouts", "list").stdout
    assert by_stages.json("approve", "1.1.0", "--role", "risk", "--as", "ben", code=5)["error"]["code"] == "denied"
    assert "ana approved points 1.1.0" in by_stages.run("approve", "1.1.0", "--role", "risk", "--as", "ana", "--because", "seen").stdout
    by_stages.run("retrain")
    shown = by_stages.json("rollouts", "show")
    assert shown["rollout"]["stage"]["share"] == 20.0
    assert [one["by"] for one in shown["approvals"]] == ["ana"]
    smoke = shown["rollout"]["history"][2]["because"]
    assert smoke == ["50 made-up rows were answered through the application in this process"]
    assert "approved by ana (risk)" in by_stages.run("rollouts", "show", "1").stdout
    by_stages.run("refuse", "1.1.0", "--role", "risk", "--as", "ana", "--because", "complaints")
    by_stages.run("retrain")
    assert by_stages.json("rollouts", "list")[0]["status"] == "rolled-back"
    assert [one["kind"] for one in by_stages.json("incidents", "list")] == ["CANARY_ROLLED_BACK"]
    assert by_stages.json("rollouts", "stop", "--because", "again", code=3)["error"]["code"] == "not-found"


@pytest.mark.row("R7")
def test_a_freeze_makes_a_promotion_wait_and_at_once_does_not(terminal: Terminal) -> None:
    assert "points is frozen: inventory" in terminal.run("freeze", "--because", "inventory").stdout
    assert terminal.json("promote", "1.1.0")["state"] == "staging"
    assert "The rollout of points 1.1.0 is stopped" in terminal.run("rollouts", "stop", "--because", "not so").stdout
    assert terminal.json("promote", "1.1.0", "--at-once")["state"] == "production"
    assert "moves again; it was frozen: inventory" in terminal.run("unfreeze").stdout
    assert "was not frozen" in terminal.run("unfreeze").stdout
    assert terminal.json("unfreeze") == []


@pytest.mark.row("R11")
def test_a_read_out_says_what_is_missing_and_promotes_no_one_without_a_winner(terminal: Terminal) -> None:
    assert terminal.json("endpoints", "readout", "points", code=2)["error"]["code"] == "bad-input"
    terminal.run("endpoints", "create", "ab", "--route", "production=50", "--route", "1.1.0=50")
    told = terminal.run("endpoints", "readout", "ab").stdout
    assert "labels of both are needed" in told
    assert "nothing was moved" in terminal.run("endpoints", "readout", "ab", "--promote-winner", code=1).stdout
    assert terminal.json("endpoints", "readout", "ab", "--smallest", "0.5")["pairs"][0]["winner"] is None
