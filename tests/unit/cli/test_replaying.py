from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Terminal
from tests.unit.core.test_replayed import policy, result

from farero.app import App
from farero.cli import replaying
from farero.core.policy import NAMED
from farero.core.replayed import ReplayResult


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What App.replay was asked for; it answers at once."""
    seen: list[dict[str, Any]] = []

    def replay(self: App, model: str, data: Path, **options: Any) -> ReplayResult:
        seen.append({"model": model, "data": data, **options})
        options["progress"]("farero", 1.0, "done")
        return replace(result(policy(3.0, 5.0, None)), notes=("one row was refused",))

    monkeypatch.setattr(App, "replay", replay)
    return seen


@pytest.mark.row("M11")
def test_a_replay_prints_one_document_and_writes_its_report(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    report = terminal.root / "report.html"
    found = terminal.json("replay", "data.csv", "--time", "ts", "--html", str(report), "--window", "12h", "--policy", "never")
    assert found["policies"][0]["totals"]["metric"] == 3.0
    assert report.read_text().startswith("<!doctype html>")
    (one,) = asked
    assert (one["model"], one["window"].seconds, one["rules"]) == ("points", 12 * 3600, [NAMED["never"]])


def test_without_a_policy_all_four_are_replayed_and_the_projects_own_is_first(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    shown = terminal.run("replay", "data.csv", "--time", "ts")
    assert [rule.name for rule in asked[0]["rules"]] == ["farero", "never", "always", "textbook"]
    assert asked[0]["rules"][0].min_rows == 10
    assert "served mae" in shown.stdout and "one row was refused" in shown.stderr


def test_a_policy_may_be_a_file(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    path = terminal.root / "mine.toml"
    path.write_text('trigger = "always"\ncooldown = "4w"\n')
    terminal.run("replay", "data.csv", "--time", "ts", "--policy", str(path))
    (rule,) = asked[0]["rules"]
    assert (rule.name, rule.trigger, rule.cooldown.days) == ("mine", "always", 28)


@pytest.mark.parametrize(
    "words",
    [["--policy", "hope"], ["--window", "long"], ["--html", "/no/such/folder/report.html"]],
    ids=["policy", "window", "report"],
)
def test_a_mistake_of_the_caller_ends_with_2(terminal: Terminal, asked: list[dict[str, Any]], words: list[str]) -> None:
    assert terminal.json("replay", "data.csv", "--time", "ts", *words, code=2)["error"]["code"] == "bad-input"


def test_a_policy_file_that_is_no_toml_is_refused(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    path = terminal.root / "mine.toml"
    path.write_text("= nothing")
    terminal.run("replay", "data.csv", "--time", "ts", "--policy", str(path), code=2)


def test_the_story_is_told_event_by_event(capsys: pytest.CaptureFixture[str]) -> None:
    replaying.tell(result(policy(3.0, 5.0)))
    lines = capsys.readouterr().out
    assert "version 1.0.0 trained on the past" in lines and "1.1.0 rejected: a loss" in lines
