from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.unit.cli.conftest import Terminal
from typer.testing import Result


def test_a_new_project_is_whole_and_says_what_to_do_next(type_: Callable[..., Result], tmp_path: Path) -> None:
    shown = type_("new", str(tmp_path / "bikes")).stdout
    assert (tmp_path / "bikes" / "farero.toml").is_file()
    assert "farero check" in shown and f"cd {tmp_path / 'bikes'}" in shown.replace("\n", "")
    type_("new", str(tmp_path / "bikes"), code=2)
    type_("new", str(tmp_path / "more"), "--example", "boats", code=2)


def test_a_project_without_a_fault_is_told_so(terminal: Terminal) -> None:
    assert terminal.json("check", "--no-trial") == {"ok": True, "faults": []}
    assert terminal.run("check", "--no-trial").stdout == "No fault found.\n"


def test_every_fault_is_listed_at_once(type_: Callable[..., Result], terminal: Terminal) -> None:
    (terminal.root / "farero.toml").write_text('project = "project.py:project"\n[server]\nprot = 1\nport = "x"\n')
    found = terminal.json("check", "--no-trial", code=2)
    assert found["ok"] is False and len(found["faults"]) == 2
    failed = terminal.run("check", "--no-trial", code=2)
    assert failed.stdout == "" and "2 faults found:" in failed.stderr
    assert json.loads(type_("check", "--no-trial", "--json", "--project", str(terminal.root / "no"), code=2).stdout)["ok"] is False
