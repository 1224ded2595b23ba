from __future__ import annotations

import pytest
from tests.unit.cli.conftest import Terminal


def spoil(terminal: Terminal, number: str) -> None:
    found = next(version for version in terminal.json("versions", "list") if version["number"] == number)
    path = terminal.root / ".farero" / "models" / found["digest"] / "model.pkl"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"?")


@pytest.mark.row("R10")
def test_a_version_is_checked_beside_the_baseline_of_production(terminal: Terminal) -> None:
    found = terminal.json("versions", "check", "1.1.0")
    assert (found["version"], found["against"], found["passed"]) == ("1.1.0", "1.0.0", True)
    names = [check["name"] for check in found["checks"]]
    assert names == ["files", "mae", "rmse", "distribution", "known rows", "scan"]
    shown = terminal.run("versions", "check", "1.0.0", "--against", "1.0.0").stdout
    assert "points 1.0.0 beside its own baseline" in shown and "known rows are answered as they were" in shown


@pytest.mark.row("R10")
def test_a_version_whose_file_was_changed_is_the_answer_no(terminal: Terminal) -> None:
    spoil(terminal, "1.1.0")
    found = terminal.json("versions", "check", "1.1.0", code=1)
    assert (found["passed"], [check["name"] for check in found["checks"]]) == (False, ["files"])
    assert "model.pkl" in terminal.run("versions", "check", "1.1.0", code=1).stdout


def test_a_baseline_that_is_not_there_is_named(terminal: Terminal) -> None:
    assert terminal.json("versions", "check", "1.1.0", "--against", "1.2.0", code=3)["error"]["code"] == "version-not-found"


@pytest.mark.row("R6")
def test_a_version_is_shown_with_its_verdict_and_every_check(terminal: Terminal) -> None:
    shown = terminal.json("versions", "show", "1.0.0")
    assert shown["verdict"]["accepted"] is True and shown["judged_at"]
    assert {"files", "trained rows", "better than a constant", "size", "scan"} <= {check["name"] for check in shown["verdict"]["checks"]}
    assert "passed  better than a constant" in terminal.run("versions", "show", "1.0.0").stdout
    assert terminal.json("versions", "show", "1.1.0")["verdict"] is None


@pytest.mark.row("R5")
def test_a_run_is_shown_with_its_steps(terminal: Terminal) -> None:
    listed = terminal.json("runs")
    assert [run["version"] for run in listed] == ["1.1.0", "1.0.0"]
    shown = terminal.json("runs", "show", listed[0]["id"])
    assert [step["name"] for step in shown["steps"]] == ["rehearse", "train", "store"]
    assert all(step["finished"] for step in shown["steps"])
    assert "store" in terminal.run("runs", "show", listed[0]["id"][-8:]).stdout


@pytest.mark.row("R5")
def test_what_a_training_prints_is_heard_at_once_and_shown_later(terminal: Terminal) -> None:
    project = terminal.root / "project.py"
    project.write_text(project.read_text().replace('    x = data.X["x"]', '    print("rows:", len(data.X))\n    x = data.X["x"]'))
    trained = terminal.run("train", str(terminal.root / "data.csv"))
    assert "rows: 48" in trained.stderr and "rows: 60" in trained.stderr and "rows:" not in trained.stdout
    newest = terminal.json("runs")[0]["id"]
    assert terminal.json("runs", "show", newest)["output"] == "rows: 48\nrows: 60\n"
    assert "What it printed:\nrows: 48\nrows: 60" in terminal.run("runs", "show", newest).stdout


def test_a_run_that_is_not_there_is_not_found(terminal: Terminal) -> None:
    assert terminal.json("runs", "show", "nothing", code=3)["error"]["code"] == "not-found"
