"""A rollback goes through the service that runs, so that it needs none of the seconds that a command takes to load a project."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from tests.running import Running, make_lines, soon
from typer.testing import CliRunner

from farero.cli.main import app as cli
from farero.server.supervisor import ADDRESS


def run(root: Path, *words: str) -> dict[str, object]:
    done = CliRunner().invoke(cli, [*words, "--project", str(root), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.row("R7")
def test_a_rollback_is_done_by_the_service_and_tells_what_the_command_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_lines(tmp_path / "lines", slopes=(2.0, 3.0))
    with Running(root) as server, httpx.Client(base_url=server.url, timeout=30) as http:

        def answers() -> str:
            version: str = http.post("/predict", json={"x": 3, "kind": "a"}).json()["version"]
            return version

        run(root, "promote", "1.1.0", "--because", "better")
        soon(lambda: answers() == "1.1.0", within_s=20, what="the promotion is served")
        with monkeypatch.context() as patched:
            patched.setattr("farero.wiring.open_app", lambda *given, **named: pytest.fail("the command opened the installation itself"))
            moved = run(root, "rollback", "--because", "worse")
        assert (moved["number"], moved["state"]) == ("1.0.0", "production")
        soon(lambda: answers() == "1.0.0", within_s=20, what="the rollback is served")
        assert set(moved) == set(run(root, "promote", "1.1.0", "--because", "better after all"))
        by_itself = CliRunner().invoke(cli, ["rollback", "--to", "9.9.9", "--project", str(root), "--json"])
        assert by_itself.exit_code == 3, "what the service refuses, the command explains"
    assert not (root / ADDRESS).exists()
    assert run(root, "rollback", "--because", "by itself")["number"] == "1.0.0"
