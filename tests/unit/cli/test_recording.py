from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.conftest import Terminal


@pytest.mark.row("R12")
def test_a_model_card_is_printed_and_written_in_both_forms(terminal: Terminal, tmp_path: Path) -> None:
    text = terminal.run("versions", "card", "1.0.0").stdout
    assert text.startswith("# Model card: points 1.0.0\n")
    assert "## What cannot be seen" in text
    terminal.run("versions", "card", "1.0.0", "--html", str(tmp_path / "card.html"), "--md", str(tmp_path / "card.md"))
    assert "<h1>Model card: points 1.0.0</h1>" in (tmp_path / "card.html").read_text()
    assert (tmp_path / "card.md").read_text().startswith("# Model card: points 1.0.0\n")
    found = terminal.json("versions", "card", "1.0.0")
    assert (found["version"]["number"], found["metric"], found["heldout"]["count"]) == ("1.0.0", "mae", 12)
    assert any("No groups are declared" in limit for limit in found["limits"])
    terminal.json("versions", "card", "9.9.9", code=3)


@pytest.mark.row("R12")
def test_a_deployment_document_says_how_to_take_it_back(terminal: Terminal, tmp_path: Path) -> None:
    terminal.run("versions", "deployment", "1.0.0", "--html", str(tmp_path / "page.html"))
    assert "Deployment: points 1.0.0" in (tmp_path / "page.html").read_text()
    text = terminal.run("versions", "deployment", "1.0.0").stdout
    for part in ("There is no earlier version to go back to.", "## What watches it", "| points | the version in production |", "SHA-256"):
        assert part in text
    assert "farero promote 1.1.0" in terminal.run("versions", "deployment", "1.1.0").stdout
    assert terminal.json("versions", "deployment", "1.0.0")["engine"]


@pytest.mark.row("R12")
def test_two_versions_are_compared(terminal: Terminal, tmp_path: Path) -> None:
    found = terminal.json("versions", "compare", "1.0.0", "1.1.0")
    assert (found["a"]["number"], found["b"]["number"], found["libraries"]) == ("1.0.0", "1.1.0", {})
    assert (found["rows"], found["known"]["of"], found["known"]["changed"]) == (0, "1.0.0", 0.0)
    text = terminal.run("versions", "compare", "1.0.0", "1.1.0").stdout
    assert "Both were trained with the same libraries." in text
    assert "Not measured on the same rows" in text
    terminal.run("versions", "compare", "1.0.0", "1.1.0", "--html", str(tmp_path / "page.html"))
    assert "points 1.0.0 beside 1.1.0" in (tmp_path / "page.html").read_text()


@pytest.mark.row("R12")
def test_groups_are_compared_by_name_and_a_gap_beyond_the_limit_is_a_no(terminal: Terminal) -> None:
    found = terminal.json("versions", "fairness", "1.0.0", "--by", "shape")
    assert (found["rows"], found["beyond"], found["by"][0]["feature"]) == (12, [], "shape")
    assert "points 1.0.0 by shape, on 12 rows" in terminal.run("versions", "fairness", "1.0.0", "--by", "shape", "--max-gap", "0").stdout
    assert "declares no groups" in terminal.json("versions", "fairness", "1.0.0", code=2)["error"]["detail"]


@pytest.mark.row("R8")
def test_the_report_of_a_run_is_printed_and_written(terminal: Terminal, tmp_path: Path) -> None:
    run = terminal.json("runs")[-1]["id"]
    found = terminal.json("runs", "report", run)
    assert (found["model"], found["number"], found["status"], found["parameters"]) == ("points", "1.0.0", "succeeded", {"class": "Line"})
    assert any(one["low"] is not None for one in found["metrics"])
    assert terminal.run("runs", "report", run).stdout.startswith("# Training of points: 1.0.0\n")
    terminal.run("runs", "report", run, "--html", str(tmp_path / "page.html"))
    assert "<h1>Training of points: 1.0.0</h1>" in (tmp_path / "page.html").read_text()
    terminal.json("runs", "report", "nothing", code=3)
