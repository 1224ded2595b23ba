from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.benches import day
from tests.unit.cli.conftest import Terminal
from typer.testing import Result

from farero.core.finding import Finding
from farero.wiring import open_app


def table(path: Path, shift: float = 0.0) -> str:
    path.write_text("x\n" + "\n".join(str(n % 50 + shift) for n in range(400)) + "\n")
    return str(path)


@pytest.mark.row("M2")
def test_two_files_are_compared_without_a_project(type_: Callable[..., Result], tmp_path: Path) -> None:
    reference, same, moved = table(tmp_path / "a.csv"), table(tmp_path / "b.csv"), table(tmp_path / "c.csv", 100.0)
    calm = json.loads(type_("drift", reference, same, "--json").stdout)
    assert (calm["drift"], [column["name"] for column in calm["columns"]]) == (False, ["x"])
    assert json.loads(type_("drift", reference, moved, "--json", code=1).stdout)["drift"] is True
    assert "Drift found" in type_("drift", reference, moved, code=1).stdout
    assert "No drift found" in type_("drift", reference, same).stdout


def test_a_file_that_is_not_there_ends_with_2(type_: Callable[..., Result], tmp_path: Path) -> None:
    failed = type_("drift", str(tmp_path / "no.csv"), str(tmp_path / "no.csv"), "--json", code=2)
    assert json.loads(failed.stdout)["error"]["code"] == "bad-input"


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
