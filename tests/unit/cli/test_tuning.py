"""`farero tune`, and `farero replay --monitors-only`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.benches import write_csv
from tests.unit.cli.conftest import Terminal
from tests.unit.core.test_advice import judged, tuned

from farero.app import App
from farero.core.tuning import Tuned


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What App.monitors was asked for; it answers at once."""
    seen: list[dict[str, Any]] = []

    def monitors(self: App, model: str, **options: Any) -> Tuned:
        seen.append({"model": model, **options})
        options["progress"](1.0, "done")
        return tuned(judged("sensitive, 1 a year", 2, 0, 0.4, 1.0), judged("psi", None, 3, 9))

    monkeypatch.setattr(App, "monitors", monitors)
    return seen


@pytest.mark.row("M11")
def test_a_recommendation_comes_with_its_line_and_its_reasons(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    shown = terminal.run("tune", "--budget", "1 per year").stdout
    assert "Recommended: sensitive, 1 a year. In the project file:" in shown
    assert 'monitors=[fa.Drift("sensitive"), …]' in shown
    assert "with 95 % confidence at most 0.4" in shown
    assert "> 60" in shown
    assert asked[0]["data"] is None


@pytest.mark.row("M11")
def test_the_recommendation_is_data(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    found = terminal.json("tune", "data.csv", "--time", "ts", "--window", "12h", "--train-until", "0.5")
    assert (found["budget_a_year"], found["recommended"]["line"], found["window"]) == (1.0, 'fa.Drift("sensitive")', "12h")
    assert [one["name"] for one in found["policies"]] == ["sensitive, 1 a year", "psi"]
    assert (asked[0]["data"], asked[0]["time"], asked[0]["train_until"]) == (Path("data.csv"), "ts", "0.5")
    assert asked[0]["window"].seconds == 12 * 3600


def test_a_budget_that_none_keeps_ends_with_1(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    found = terminal.json("tune", "--budget", "1 per 100 years", code=1)
    assert found["recommended"] is None
    assert "none is sure to keep 0.01 false alarms a year" in found["because"][0]


@pytest.mark.parametrize(
    "words",
    [
        ["tune", "--budget", "often"],
        ["tune", "data.csv"],
        ["tune", "--window", "long"],
        ["tune", "--from", "soon"],
        ["replay"],
        ["replay", "data.csv"],
    ],
    ids=["budget", "time", "window", "from", "data", "replay time"],
)
def test_a_mistake_of_the_caller_ends_with_2(terminal: Terminal, asked: list[dict[str, Any]], words: list[str]) -> None:
    assert terminal.json(*words, code=2)["error"]["code"] == "bad-input"


@pytest.mark.row("M11")
def test_monitors_alone_are_replayed_without_a_recommendation(terminal: Terminal, asked: list[dict[str, Any]]) -> None:
    found = terminal.json("replay", "--monitors-only")
    assert "recommended" not in found
    assert found["policies"][0]["delays"]["shift"]["median"] == 2
    shown = terminal.run("replay", "data.csv", "--time", "ts", "--monitors-only").stdout
    assert "false a year" in shown and "Recommended" not in shown


def test_a_file_goes_through_the_real_thing(terminal: Terminal) -> None:
    write_csv(terminal.root / "long.csv", days=40, a_day=24)
    found = terminal.json("replay", str(terminal.root / "long.csv"), "--time", "ts", "--train-until", "0.6", "--monitors-only")
    assert (found["normal_windows"], found["windows"]) == (24, 16)
    assert len(found["policies"]) == 20


def test_too_few_stored_windows_are_said(terminal: Terminal) -> None:
    assert "are needed to say" in terminal.json("tune", code=2)["error"]["detail"]
