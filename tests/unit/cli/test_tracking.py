from __future__ import annotations

import pytest
from tests.unit.cli.conftest import Terminal

from farero.adapters.memory_tracker import MemoryTracker
from farero.errors import TrackerUnavailable


@pytest.fixture
def tracked(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> MemoryTracker:
    """The project names a tracker, which is one in memory."""
    there = MemoryTracker()
    monkeypatch.setattr("farero.wiring.MlflowTracker", lambda uri, **options: there)
    path = terminal.root / "farero.toml"
    path.write_text(path.read_text() + '\n[tracking]\nuri = "http://127.0.0.1:9"\n')
    return there


@pytest.mark.row("R9")
def test_a_command_that_changes_something_tells_the_tracker_and_one_that_reads_does_not(terminal: Terminal, tracked: MemoryTracker) -> None:
    terminal.run("versions", "list")
    assert tracked.written == 0
    terminal.run("promote", "1.1.0")
    assert tracked.aliases("points") == {"production": "1.1.0"}
    assert len(tracked.versions) == 2
    files = next(iter(tracked.files[run] for run in tracked.runs))
    assert sorted(files) == ["model-card.html", "model-card.md", "profile.json", "report.html", "report.json"]


@pytest.mark.row("R9")
def test_a_tracker_that_is_down_is_told_of_and_the_command_has_done_its_work(terminal: Terminal, tracked: MemoryTracker) -> None:
    tracked.down = TrackerUnavailable("It is down.")
    result = terminal.run("promote", "1.1.0")
    assert "is in production" in result.stdout
    assert "MLflow was not told of everything" in result.stderr
    found = terminal.json("tracking", "status", code=1)[0]
    assert found["status"]["waiting"][0]["error"] == "It is down."
    tracked.down = None
    terminal.run("tracking", "reconcile")
    assert tracked.aliases("points") == {"production": "1.1.0"}


@pytest.mark.row("R9")
def test_an_alias_moved_by_hand_is_shown_and_put_right(terminal: Terminal, tracked: MemoryTracker) -> None:
    terminal.run("promote", "1.1.0")
    tracked.point("points", "production", "1.0.0")
    shown = terminal.run("tracking", "status", code=1).stdout
    assert "production points to 1.0.0, but 1.1.0 is in production here; somebody moved it." in shown
    assert terminal.json("tracking", "status", code=1)[0]["moved"] == ["production"]
    assert "production points to 1.1.0, as it should" in terminal.run("tracking", "reconcile").stdout


@pytest.mark.row("R9", "U7")
def test_a_model_of_the_tracker_is_scanned_like_any_file(terminal: Terminal, tracked: MemoryTracker) -> None:
    terminal.run("promote", "1.1.0")
    refused = terminal.json("register", "models:/points/1", code=2)["error"]
    assert "nothing of it was run" in refused["detail"]
    names = [word for fault in refused["faults"] for word in ("--trust", fault)]
    made = terminal.json("register", "models:/points@production", *names, "--because", "ours")
    assert (made["state"], made["because"], made["tags"]["class"]) == ("candidate", "ours", "Line")
    assert "has no" in terminal.json("register", "models:/points/77", code=2)["error"]["detail"]


def test_without_a_tracker_the_commands_say_what_to_write(terminal: Terminal) -> None:
    for words in (("tracking", "status"), ("register", "models:/points/1")):
        assert "[tracking]" in terminal.json(*words, code=2)["error"]["hint"]
